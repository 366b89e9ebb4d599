import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { leftovers, processesOf } from '../support/leftovers.ts'
import { buildSteps } from '../support/steps.ts'
import { openProject } from './project.ts'

const DOCKERFILE = 'FROM busybox\nRUN echo first > /first\nRUN touch /started && trap "" TERM INT && sleep 1000 & wait; sleep 1000\n'

/** Starts the build and waits until its container runs. */
async function startBuild(project: Awaited<ReturnType<typeof openProject>>): Promise<ReturnType<typeof project.tsbuild.start>> {
  const child = project.tsbuild.start(['build', '-t', 'never', project.directory])
  for (let tries = 0; !processesOf(project.tsbuild.root).some((line) => line.includes('tsbuild-runner')); tries += 1) {
    if (tries > 400) throw new Error('no container came up')
    await sleep(25)
  }
  await sleep(700)
  return child
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} ends a build within two seconds and leaves nothing`, { timeout: 60_000 }, async () => {
    await using project = await openProject({ Dockerfile: DOCKERFILE })
    const child = await startBuild(project)
    const began = performance.now()
    child.kill(signal)
    const [code] = (await once(child, 'exit')) as [number | null]
    const seconds = (performance.now() - began) / 1000
    assert.ok(seconds < 2, `${seconds} s`)
    assert.equal(code, 130)
    assert.deepEqual(await leftovers(project.tsbuild.root), [])
  })
}

test('a program that ignores Ctrl-C is gone at the third', { timeout: 60_000 }, async () => {
  await using project = await openProject({})
  const { tsbuild } = project
  const child = tsbuild.start(['run', '--network', 'none', 'busybox', 'sleep', '1000'])
  for (let tries = 0; !processesOf(tsbuild.root).some((line) => line.includes('tsbuild-runner')); tries += 1) {
    if (tries > 400) throw new Error('no container came up')
    await sleep(25)
  }
  for (const expected of [null, null, 137]) {
    await sleep(700)
    assert.equal(child.exitCode, null)
    const ended = once(child, 'exit').then(([code]) => code as number)
    child.kill('SIGINT')
    assert.equal(await Promise.race([ended, sleep(expected === null ? 300 : 5000, null)]), expected)
  }
  assert.deepEqual(await leftovers(tsbuild.root), [])
})

test('SIGKILL leaves no process and no mount, and the next build goes on from what was finished', { timeout: 60_000 }, async () => {
  await using project = await openProject({ Dockerfile: DOCKERFILE })
  const { tsbuild, directory } = project
  const child = await startBuild(project)
  child.kill('SIGKILL')
  await once(child, 'exit')
  await sleep(500)
  const left = await leftovers(tsbuild.root)
  assert.deepEqual(
    left.filter((line) => /^(process|mount)/.test(line)),
    [],
  )
  project.write({ Dockerfile: 'FROM busybox\nRUN echo first > /first\nRUN cat /first\n' })
  const { cached, ran } = await buildSteps(tsbuild, [directory])
  assert.ok(
    cached.some((name) => name.includes('echo first')),
    cached.join(),
  )
  assert.equal(ran.length, 1, ran.join())
  assert.deepEqual(await leftovers(tsbuild.root), [])
  assert.equal(existsSync(tsbuild.root), true)
})
