import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { openProject } from '../project.ts'
import { storeFaults } from '../store-check.ts'
import { lockDatabase } from './locker.ts'

test('a program that keeps the database locked for too long is named', { timeout: 180_000 }, async () => {
  await using project = await openProject({ Dockerfile: 'FROM busybox\nRUN --network=none echo > /n\n' })
  const { tsbuild, directory } = project
  const began = performance.now()
  await using locker = await lockDatabase(join(tsbuild.root, 'tsbuild.db'))
  const { code, stderr } = await tsbuild.run(['build', '-q', directory])
  const waited = performance.now() - began
  assert.equal(code, 3, stderr)
  assert.equal(stderr.match(/TSB_[A-Z_]+/g)?.join(), 'TSB_STORE_BUSY', stderr)
  assert.match(stderr, new RegExp(`\\b${locker.pid}\\b`))
  assert.ok(waited > 25_000 && waited < 55_000, `${waited} ms`)
  locker.end()
  await tsbuild.must(['build', '-q', directory])
  assert.deepEqual(await storeFaults(tsbuild.root), [])
})
