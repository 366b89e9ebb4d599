import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs'
import { mkdir, readdir, stat, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { groupOwner, sweepCgroups } from '../../executor/cgroups.ts'
import { KERNEL_DIRECTORIES, leftovers, makeSandbox, noContainers, type Sandbox } from './sandbox.ts'

const options = { skip: noContainers, timeout: 60_000 }
/** Starts background processes and a marker, then waits far longer than any test. */
const LONG = 'busybox sleep 1000 & (busybox setsid busybox sleep 1000 &) ; echo ready; busybox sleep 1000'
const SIGTERM = 15
const SIGUSR1 = 10

let sandbox: Sandbox

before(async () => {
  if (!noContainers) sandbox = await makeSandbox()
})
after(async () => {
  if (!noContainers) await sandbox[Symbol.asyncDispose]()
})

test('signals reach the process, and its death by one is told', options, async () => {
  const send = async (script: string, signal: number): Promise<unknown> => {
    const spec = await sandbox.spec(['busybox', 'sh', '-c', script])
    const [started, ready] = [defer<(signal: number) => void>(), defer<void>()]
    const ended = sandbox.executor.run(
      spec,
      { kind: 'capture', onOutput: () => ready.resolve() },
      { signal: new AbortController().signal, onStarted: started.resolve },
    )
    const [sendSignal] = await Promise.all([started.promise, ready.promise])
    sendSignal(signal)
    const { durationMs, ...outcome } = (await ended) as { durationMs: number }
    assert.ok(durationMs > 0 && durationMs < 20_000)
    return outcome
  }
  assert.deepEqual(await send('trap "exit 9" USR1; echo ready; while :; do busybox sleep 0.1; done', SIGUSR1), { kind: 'exited', code: 9 })
  assert.deepEqual(await send('trap "exit 4" TERM; echo ready; while :; do busybox sleep 0.1; done', SIGTERM), { kind: 'exited', code: 4 })
  assert.deepEqual(await send(LONG, 9), { kind: 'signaled', signal: 9 })
  assert.deepEqual(await leftovers(sandbox), [])
})

test('an abort ends everything', options, async () => {
  for (const network of ['none', 'default'] as const) {
    const controller = new AbortController()
    const running = sandbox.executor.run(
      await sandbox.spec(['busybox', 'sh', '-c', LONG], { network }),
      { kind: 'capture', onOutput: () => controller.abort() },
      { signal: controller.signal },
    )
    await assert.rejects(running, { code: 'TSB_INTERRUPTED' })
    assert.deepEqual(await leftovers(sandbox), [])
  }
  await assert.rejects(sandbox.sh('true', {}, AbortSignal.abort()), { code: 'TSB_INTERRUPTED' })
})

test('an abort while it starts ends everything', options, async () => {
  for (const delay of [0, 5, 10, 20, 40, 60]) {
    await assert.rejects(sandbox.sh(LONG, { network: 'default' }, AbortSignal.timeout(delay)), { code: 'TSB_INTERRUPTED' })
    assert.deepEqual(await leftovers(sandbox), [])
  }
})

test('processes left behind end with the first one', options, async () => {
  const { outcome, stdout } = await sandbox.sh('(busybox setsid busybox sleep 1000 &); echo done')
  assert.equal(outcome.kind, 'exited')
  assert.equal(stdout, 'done\n')
  assert.deepEqual(await leftovers(sandbox), [])
})

test('of the mount points only those of the kernel stay in an empty root, as with Docker', options, async () => {
  const { stdout } = await sandbox.sh('busybox cat /etc/hosts; busybox ls -d /proc /sys /dev /etc /mnt/a', {
    mounts: [{ kind: 'host', source: sandbox.layer, target: '/mnt/a', readonly: true }],
    extraHosts: [['other', '192.0.2.7']],
  })
  assert.match(stdout, /^127\.0\.0\.1\tlocalhost sandbox\n::1\tlocalhost ip6-localhost ip6-loopback\n192\.0\.2\.7\tother\n/)
  assert.ok(stdout.endsWith('/dev\n/etc\n/mnt/a\n/proc\n/sys\n'))
  assert.deepEqual((await readdir(sandbox.upper)).sort(), KERNEL_DIRECTORIES)
  assert.deepEqual((await readdir(sandbox.layer)).sort(), ['bin'])
})

test('what the container adds beside a mount point stays', options, async () => {
  await sandbox.sh('echo x > /etc/own')
  assert.deepEqual((await readdir(sandbox.upper)).sort(), ['dev', 'etc', 'proc', 'sys'])
  assert.deepEqual(await readdir(join(sandbox.upper, 'etc')), ['own'])
})

test('the death of the caller ends everything', options, async () => {
  const file = fileURLToPath(new URL('./long-running.js', import.meta.url))
  const child = spawn(process.execPath, [file, JSON.stringify(await sandbox.spec(['busybox', 'sh', '-c', LONG], { network: 'default' }))], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, STATE: join(sandbox.directory, 'orphan') },
  })
  await once(child.stdout, 'data')
  assert.notDeepEqual(await leftovers(sandbox), [])
  child.kill('SIGKILL')
  for (let waited = 0; (await leftovers(sandbox)).length > 0 && waited < 2000; waited += 20) await sleep(20)
  assert.deepEqual(await leftovers(sandbox), [])
})

test('the death of the runner ends everything but cgroups, which the next process sweeps', options, async () => {
  const ended = sandbox.executor.run(
    await sandbox.spec(['busybox', 'sh', '-c', LONG], { network: 'default' }),
    { kind: 'capture', onOutput: killRunners },
    { signal: new AbortController().signal },
  )
  await assert.rejects(ended, { code: 'TSB_RUNTIME_FAILED' })
  const remaining = await onceOnly(sandbox, (each) => each.startsWith('tsbuild-'))
  assert.ok(remaining.length > 0 && remaining.every((each) => each.startsWith('tsbuild-')), remaining.join())
  await sweepCgroups(Date.now())
  assert.deepEqual(await leftovers(sandbox), remaining)
  // The kernel keeps a group until the last process in it is gone for good, which takes a moment on a busy machine.
  for (let waited = 0; (await leftovers(sandbox)).length > 0 && waited < 2000; waited += 20) {
    await sweepCgroups(Date.now() + 60_000)
    await sleep(20)
  }
  assert.deepEqual(await leftovers(sandbox), [])
})

test('a cgroup whose owner is gone is swept at once, and that of a living process is not', options, async () => {
  const root = existsSync('/sys/fs/cgroup/cgroup.controllers') ? '/sys/fs/cgroup' : '/sys/fs/cgroup/pids'
  const { pid } = spawnSync('true')
  const [dead, living] = [groupOwner().replace(/[0-9]+$/, String(pid)), groupOwner()].map((owner) =>
    join(root, `tsbuild-${owner}-test`),
  ) as [string, string]
  for (const path of [dead, living]) mkdirSync(path)
  await sweepCgroups(Date.now())
  const remaining = [dead, living].filter((path) => existsSync(path))
  for (const path of remaining) rmdirSync(path)
  assert.deepEqual(remaining, [living])
})

test('many at once', options, async () => {
  const codes = [1, 2, 3, 4, 5, 6]
  const finished = await Promise.all(
    codes.map((code) => sandbox.sh(`busybox sleep 0.2; exit ${code}`, { network: code % 2 ? 'default' : 'none' })),
  )
  assert.deepEqual(
    finished.map(({ outcome }) => outcome.kind === 'exited' && outcome.code),
    codes,
  )
  assert.deepEqual(await leftovers(sandbox), [])
})

test('a resolv.conf that is a link into nowhere', options, async () => {
  await using linked = await makeSandbox()
  await mkdir(join(linked.layer, 'etc'))
  await symlink('../run/systemd/resolve/stub-resolv.conf', join(linked.layer, 'etc/resolv.conf'))
  const before = await stat(join(linked.layer, 'etc'))
  const { stdout } = await linked.sh('busybox grep -c nameserver /etc/resolv.conf')
  assert.ok(Number(stdout) > 0)
  assert.deepEqual((await readdir(linked.upper)).sort(), KERNEL_DIRECTORIES)
  assert.equal((await stat(join(linked.layer, 'etc'))).mtimeMs, before.mtimeMs)
})

/** What is left once nothing else is: the kernel takes its time to end a pid namespace. Two seconds at most. */
async function onceOnly(of: Sandbox, expected: (left: string) => boolean): Promise<readonly string[]> {
  for (let tries = 0; tries < 40 && !(await leftovers(of)).every(expected); tries += 1) await sleep(50)
  return leftovers(of)
}

/** SIGKILL to the runners of containers that this process started, the one that waits for the next among them. */
function killRunners(): void {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ').map(Number)
  const runners = children.filter((pid) => /tsbuild-runner\0$/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8')))
  assert.ok(runners.length > 0)
  for (const pid of runners) process.kill(pid, 'SIGKILL')
}

interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
}

function defer<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => undefined
  const promise = new Promise<T>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
