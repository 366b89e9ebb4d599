import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostsFile } from '../../executor/hosts.ts'
import { toOutcome } from '../../executor/outcome.ts'
import { planContainer } from '../../executor/plan.ts'
import { createEventDecoder, type RunnerEvent } from '../../executor/protocol.ts'
import { containerResolvConf, isSystemdStub } from '../../executor/resolv-conf.ts'
import type { ProcessSpec } from '../../executor/types.ts'

const SPEC: ProcessSpec = {
  id: 'a',
  layers: ['/layer'],
  upper: '/upper',
  work: '/work',
  args: ['true'],
  env: ['A=1'],
  cwd: '/',
  user: '',
  hostname: 'box',
  network: 'none',
  mounts: [],
  extraHosts: [],
  terminal: false,
  security: 'sandbox',
  readonlyRoot: false,
}
const USER = { uid: 5, gid: 6, additionalGids: [6, 7], home: '/home/x' }
const HOST = { architecture: 'x64', cgroups: 'v1', capabilities: ['CAP_CHOWN'], bundle: '/b', owner: 'o' } as const

test('user, environment, namespaces', () => {
  const config = planContainer(SPEC, USER, HOST)
  assert.deepEqual(config.process.user, { uid: 5, gid: 6, additionalGids: [6, 7] })
  assert.deepEqual(config.process.env, ['A=1', 'HOME=/home/x'])
  assert.deepEqual(planContainer({ ...SPEC, env: ['HOME=/own'] }, USER, HOST).process.env, ['HOME=/own'])
  const types = (cgroups: 'v1' | 'v2'): readonly string[] =>
    planContainer(SPEC, USER, { ...HOST, cgroups }).linux.namespaces.map(({ type }) => type)
  assert.deepEqual(types('v1'), ['pid', 'ipc', 'uts', 'mount'])
  assert.deepEqual(types('v2'), ['pid', 'ipc', 'uts', 'mount', 'cgroup'])
  assert.equal(config.linux.cgroupsPath, '/tsbuild-o-a')
})

test('mounts come after those they lie in, and replace ours', () => {
  const mounts = [
    { kind: 'host' as const, source: '/s/deep', target: '/etc/deep/er', readonly: true },
    { kind: 'host' as const, source: '/s/hosts', target: '/etc/hosts', readonly: false },
    { kind: 'host' as const, source: '/s/etc', target: '/etc', readonly: false },
  ]
  const planned = planContainer({ ...SPEC, mounts }, USER, HOST).mounts.filter(({ type }) => type === 'bind')
  assert.deepEqual(
    planned.map(({ destination, source, options }) => [destination, source, options.includes('ro')]),
    [
      ['/etc', '/s/etc', false],
      ['/etc/resolv.conf', '/b/resolv.conf', true],
      ['/etc/hosts', '/s/hosts', false],
      ['/etc/deep/er', '/s/deep', true],
    ],
  )
})

test('the profile of each architecture', () => {
  const profile = (architecture: string) => {
    const { seccomp } = planContainer(SPEC, USER, { ...HOST, architecture }).linux
    assert.ok(seccomp)
    return seccomp
  }
  assert.ok(profile('x64').syscalls[0]?.names.includes('arch_prctl'))
  assert.ok(!profile('arm64').syscalls[0]?.names.includes('arch_prctl'))
  for (const architecture of ['x64', 'arm64', 'riscv64', 'ppc64', 's390x']) {
    const { syscalls, architectures, defaultAction } = profile(architecture)
    const free = syscalls.filter(({ args, action }) => args === undefined && action === 'SCMP_ACT_ALLOW').flatMap(({ names }) => names)
    for (const name of ['mount', 'unshare', 'keyctl', 'bpf', 'clone', 'clone3', 'socket', 'personality', 'io_uring_setup', 'userfaultfd']) {
      assert.ok(!free.includes(name), name)
    }
    assert.equal(new Set(free).size, free.length)
    assert.ok(architectures.length > 0)
    assert.equal(defaultAction, 'SCMP_ACT_ERRNO')
  }
})

test('resolv.conf without what a container cannot reach', () => {
  const cases = [
    ['nameserver 10.0.0.1\nsearch a.b\n', 'nameserver 10.0.0.1\nsearch a.b\n'],
    ['nameserver 127.0.0.1\nnameserver 10.0.0.1\noptions ndots:2\n', 'nameserver 10.0.0.1\noptions ndots:2\n'],
    ['search a\nnameserver 127.0.0.53\nnameserver ::1\n', 'search a\nnameserver 8.8.8.8\nnameserver 8.8.4.4\n'],
    ['', 'nameserver 8.8.8.8\nnameserver 8.8.4.4\n'],
  ] as const
  for (const [host, container] of cases) assert.equal(containerResolvConf(host), container)
  assert.equal(isSystemdStub('# x\nnameserver 127.0.0.53\noptions edns0\n'), true)
  assert.equal(isSystemdStub('nameserver 127.0.0.53\nnameserver 10.0.0.1\n'), false)
})

test('hosts', () => {
  assert.equal(hostsFile('box', [['a', '10.0.0.1']]), '127.0.0.1\tlocalhost box\n::1\tlocalhost ip6-localhost ip6-loopback\n10.0.0.1\ta\n')
})

test('what the runner says becomes an outcome or an error', () => {
  const runtime = (message: string) => toOutcome({ kind: 'failed', code: 'runtime', message }, 0)
  const prefix = 'runc run failed: unable to start container process: '
  const reason = (message: string) => {
    const outcome = runtime(message)
    return outcome.kind === 'not-started' && outcome.reason
  }
  assert.equal(reason(`${prefix}exec: "x": executable file not found in $PATH`), 'not-found')
  assert.equal(reason(`${prefix}exec: "/m/x": stat /m/x: no such file or directory`), 'not-found')
  assert.equal(reason(`${prefix}exec: "/m/x": permission denied`), 'not-executable')
  assert.equal(reason('executable file `x` not found in $PATH'), 'not-found')
  assert.throws(() => runtime(`${prefix}error mounting "/a": no such file or directory`), { code: 'TSB_RUNTIME_FAILED', fault: 'host' })
  assert.throws(() => toOutcome({ kind: 'failed', code: 'network', message: 'x' }, 0), { code: 'TSB_NETWORK_FAILED' })
  assert.throws(() => toOutcome({ kind: 'failed', code: 'privilege', message: 'x' }, 0), { code: 'TSB_PRIVILEGE_MISSING' })
  assert.deepEqual(toOutcome({ kind: 'signaled', signal: 9, networkLeft: false }, 3), { kind: 'signaled', signal: 9, durationMs: 3 })
})

test('events in pieces', () => {
  const seen: RunnerEvent[] = []
  const decode = createEventDecoder<RunnerEvent>((event) => seen.push(event))
  for (const piece of ['{"kind":"sta', 'rted"}\n{"kind":"exited","co', 'de":3,"networkLeft":false}\n']) decode(piece)
  assert.deepEqual(seen, [{ kind: 'started' }, { kind: 'exited', code: 3, networkLeft: false }])
})
