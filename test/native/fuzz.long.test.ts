import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { REPOSITORY } from '../support/paths.ts'
import { runProcess } from '../support/process.ts'

const TARGETS = 7
/** Of each target; TSBUILD_FUZZ_SECONDS says another time. */
const SECONDS = Number(process.env['TSBUILD_FUZZ_SECONDS'] ?? 120)

test('libFuzzer finds no broken promise', { timeout: (TARGETS * SECONDS + 1800) * 1000 }, async (t) => {
  const { code, stdout, stderr } = await runProcess(process.execPath, [
    join(REPOSITORY, 'native/fuzz/run.mjs'),
    '--seconds',
    String(SECONDS),
  ])
  t.diagnostic(stdout)
  assert.equal(code, 0, stderr)
  assert.equal(stdout.match(/: ok, [1-9]\d* runs, [1-9]\d* edges$/gm)?.length, TARGETS, stdout)
})
