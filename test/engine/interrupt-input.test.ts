import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { leftovers } from '../support/leftovers.ts'
import { REPOSITORY } from '../support/paths.ts'
import { openTsbuild } from '../support/tsbuild.ts'

for (const args of [['import', '-', 'never'], ['load']]) {
  test(`SIGINT ends \`${args.join(' ')}\` while its input is silent, and leaves nothing`, { timeout: 20_000 }, async () => {
    await using tsbuild = await openTsbuild()
    const child = spawn(process.execPath, [join(REPOSITORY, 'cli/bin/tsbuild.cjs'), ...args], {
      env: { ...process.env, TSBUILD_ROOT: tsbuild.root },
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    await sleep(800)
    const began = performance.now()
    child.kill('SIGINT')
    const [code] = (await once(child, 'exit')) as [number | null]
    assert.equal(code, 130)
    assert.ok(performance.now() - began < 2000)
    assert.deepEqual(await leftovers(tsbuild.root), [])
  })
}
