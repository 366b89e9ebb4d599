import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { hostEffects } from '../../../engine/host.ts'
import { loadNative } from '../../../native/index.ts'
import { verifyStore } from '../../../store/verify/verify.ts'
import { leftovers } from '../../support/leftovers.ts'
import { LAUNCHER, openTsbuild } from '../../support/tsbuild.ts'
import { openProject, type Project } from '../project.ts'
import { storeFaults } from '../store-check.ts'
import { claims, counted } from './counts.ts'

const skip = process.geteuid?.() === 0 ? false : 'only root can make a pid namespace'

/** A step that leaves a line outside of the image each time it is executed. */
const count = (name: string, rest = 'true'): string => `RUN --mount=type=cache,id=count,target=/count echo x >> /count/${name} && ${rest}`

/** Builds that share their first stages all together, and another step by fours. */
const sharing = (n: number): string => `FROM busybox AS shared
${count('one', 'sleep 0.3 && echo one > /one')}
${count('two', 'echo two > /two')}
FROM busybox AS other
COPY data /data
${count('three', 'echo three > /three')}
FROM shared
COPY --from=other /data /three /from/
${count(`group${n % 5}`, `echo ${n % 5} > /group`)}
${count(`own${n}`, `echo ${n} > /own`)}
`

test('20 builds at once execute each step that they share exactly once, and all succeed', { timeout: 240_000 }, async () => {
  await using project = await openProject({ data: 'data\n' })
  const { tsbuild, directory } = project
  const builds = Array.from({ length: 20 }, async (_, n) => {
    project.write({ [`${n}.Dockerfile`]: sharing(n) })
    return tsbuild.run(['build', '-q', '-t', `shared:${n}`, '-f', join(directory, `${n}.Dockerfile`), directory])
  })
  const all = Promise.all(builds)
  assert.deepEqual(await lookOn(tsbuild.root, all), [], 'what running builds are at is no fault')
  for (const { code, stderr } of await all) assert.equal(code, 0, stderr)
  const once = Object.fromEntries(
    ['one', 'two', 'three', ...[0, 1, 2, 3, 4].map((n) => `group${n}`), ...builds.map((_, n) => `own${n}`)].map((name) => [name, 1]),
  )
  assert.deepEqual(counted(tsbuild.root), once)
  const shown = await tsbuild.must(['run', '--rm', '--network', 'none', 'shared:13', 'cat', '/one', '/from/three', '/group', '/own'])
  assert.equal(shown, 'one\nthree\n3\n13\n')
  assert.deepEqual([...(await storeFaults(tsbuild.root)), ...(await leftovers(tsbuild.root))], [])
})

/** What `doctor --store` finds, again and again, while builds run. */
async function lookOn(root: string, builds: Promise<unknown>): Promise<readonly string[]> {
  let isRunning = true
  void builds.finally(() => {
    isRunning = false
  })
  const found = new Set<string>()
  for (let looks = 0; isRunning; looks += 1) {
    const { findings } = await verifyStore(root, loadNative(), hostEffects, new AbortController().signal)
    for (const { kind, subject } of findings) found.add(`look ${looks}: ${kind} ${subject}`)
    await sleep(50)
  }
  return [...found]
}

test('20 builds at once make a store that is not there yet', { timeout: 120_000 }, async () => {
  await using tsbuild = await openTsbuild()
  await using context = await openProject({ Dockerfile: 'FROM scratch\nARG N\nCOPY file /file\nLABEL n=$N\n', file: 'content' })
  for (let round = 0; round < 3; round += 1) {
    rmSync(tsbuild.root, { recursive: true })
    const builds = Array.from({ length: 20 }, (_, n) =>
      tsbuild.run(['build', '-q', '--build-arg', `N=${n}`, '-t', `n:${n}`, context.directory]),
    )
    for (const { code, stderr } of await Promise.all(builds)) assert.equal(code, 0, stderr)
    assert.equal((await tsbuild.must(['images', '-q'])).split('\n').length, 21)
    assert.deepEqual(await storeFaults(tsbuild.root), [])
  }
})

/** A build whose step takes its time, seen in the middle of it. */
async function startSlow(project: Project, t: TestContext, seconds: number): Promise<ChildProcess> {
  project.write({ Dockerfile: `FROM busybox\n${count('slow', `sleep ${seconds} && echo slow > /slow`)}\n` })
  const child = project.tsbuild.start(['build', '-q', '-t', 'slow', project.directory])
  t.after(() => child.kill('SIGKILL'))
  await until(() => counted(project.tsbuild.root)['slow'] === 1)
  return child
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries += 1) {
    assert.ok(tries < 1000, 'it never happens')
    await sleep(20)
  }
}

test('a step whose process was killed is taken over at once by one that waits for it', { timeout: 60_000 }, async (t) => {
  await using project = await openProject({})
  const first = await startSlow(project, t, 1)
  const second = project.tsbuild.run(['build', '-q', '-t', 'slow', project.directory])
  await sleep(400)
  first.kill('SIGKILL')
  const killed = performance.now()
  const { code, stderr } = await second
  assert.equal(code, 0, stderr)
  // A lease in another pid namespace would be waited for for 30 s.
  assert.ok(performance.now() - killed < 15_000, `after ${performance.now() - killed} ms`)
  assert.deepEqual(counted(project.tsbuild.root), { slow: 2 })
  assert.deepEqual(await storeFaults(project.tsbuild.root), [])
})

test('who waits for a step of another process and is interrupted leaves no claim, and disturbs nobody', { timeout: 60_000 }, async (t) => {
  await using project = await openProject({})
  const first = await startSlow(project, t, 2)
  const before = claims(project.tsbuild.root)
  assert.equal(before.length, 1)
  const second = project.tsbuild.start(['build', '-q', project.directory])
  await sleep(900)
  assert.equal(second.exitCode, null, 'it waits')
  second.kill('SIGINT')
  const [code] = await once(second, 'exit')
  assert.equal(code, 130)
  assert.deepEqual(claims(project.tsbuild.root), before)
  if (first.exitCode === null) await once(first, 'exit')
  assert.equal(first.exitCode, 0)
  assert.deepEqual(counted(project.tsbuild.root), { slow: 1 })
  assert.deepEqual(await storeFaults(project.tsbuild.root), [])
})

test('of builds that give one name at once the last one has it, and both images are there', { timeout: 120_000 }, async () => {
  await using project = await openProject({ Dockerfile: 'FROM busybox\nARG N\nRUN echo $N > /n\n' })
  const { tsbuild, directory } = project
  const builds = [1, 2, 3, 4].map((n) =>
    tsbuild.must(['build', '-q', '-t', 'same', '-o', 'type=image', '--build-arg', `N=${n}`, directory]),
  )
  const ids = (await Promise.all(builds)).map((text) => text.trim())
  assert.equal(new Set(ids).size, 4)
  const named = (await tsbuild.must(['images', '-q', '--no-trunc'])).split('\n').filter((id) => ids.includes(id))
  assert.equal(named.length, 1)
  for (const [index, id] of ids.entries()) {
    assert.equal(await tsbuild.must(['run', '--rm', '--network', 'none', id, 'cat', '/n']), `${index + 1}\n`)
    const archive = join(directory, '..', `${index}-${id.slice(7, 19)}.tar`)
    await tsbuild.must(['save', '-o', archive, id])
    rmSync(archive)
  }
  assert.deepEqual(await storeFaults(tsbuild.root), [])
})

test('a process in another pid namespace is waited for, and what it is writing is left alone', { skip, timeout: 60_000 }, async (t) => {
  await using project = await openProject({})
  const { tsbuild, directory } = project
  project.write({ Dockerfile: `FROM busybox\n${count('slow', 'sleep 2 && echo slow > /slow')}\n` })
  const command = [process.execPath, LAUNCHER, 'build', '-q', directory]
  const other = spawn('unshare', ['--pid', '--fork', '--kill-child', '--mount-proc', ...command], {
    env: { ...process.env, TSBUILD_ROOT: tsbuild.root },
    stdio: 'ignore',
  })
  t.after(() => other.kill('SIGKILL'))
  await until(() => counted(tsbuild.root)['slow'] === 1)
  const store = join(tsbuild.root, 'trees')
  assert.deepEqual(await storeFaults(tsbuild.root).then((faults) => faults.filter((fault) => !/^no note/.test(fault))), [], store)
  await tsbuild.must(['build', '-q', directory])
  assert.deepEqual(counted(tsbuild.root), { slow: 1 })
  if (other.exitCode === null) await once(other, 'exit')
  assert.equal(other.exitCode, 0)
  assert.deepEqual(await storeFaults(tsbuild.root), [])
})
