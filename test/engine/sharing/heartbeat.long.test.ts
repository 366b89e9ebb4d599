import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { LAUNCHER } from '../../support/tsbuild.ts'
import { openProject } from '../project.ts'
import { storeFaults } from '../store-check.ts'
import { counted } from './counts.ts'

const skip = process.geteuid?.() === 0 ? false : 'only root can make a pid namespace'

test('a step that was killed in another pid namespace is taken over when its heartbeat is old', { skip, timeout: 120_000 }, async () => {
  await using project = await openProject({
    Dockerfile: 'FROM busybox\nRUN --network=none --mount=type=cache,id=count,target=/count echo x >> /count/slow && sleep 1\n',
  })
  const { tsbuild, directory } = project
  const command = ['--pid', '--fork', '--kill-child', '--mount-proc', process.execPath, LAUNCHER, 'build', '-q', directory]
  const other = spawn('unshare', command, { env: { ...process.env, TSBUILD_ROOT: tsbuild.root }, stdio: 'ignore' })
  while (counted(tsbuild.root)['slow'] !== 1) await sleep(20)
  const began = performance.now()
  other.kill('SIGKILL')
  await once(other, 'exit')
  await tsbuild.must(['build', '-q', directory])
  const waited = performance.now() - began
  assert.ok(waited > 20_000 && waited < 60_000, `${waited} ms`)
  assert.deepEqual(counted(tsbuild.root), { slow: 2 })
  assert.deepEqual(await storeFaults(tsbuild.root), [])
})
