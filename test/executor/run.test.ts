import assert from 'node:assert/strict'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { KERNEL_DIRECTORIES, leftovers, makeSandbox, noContainers, put, type Sandbox } from './sandbox.ts'

const options = { skip: noContainers }
let sandbox: Sandbox

before(async () => {
  if (noContainers) return
  sandbox = await makeSandbox()
  await put(sandbox, 'etc/passwd', 'root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n')
  await put(sandbox, 'etc/group', 'root:x:0:\nappg:x:1001:\nvideo:x:44:root,app\n')
  await put(sandbox, 'bin/broken', 'no program', 0o644)
  await put(sandbox, 'bin/foreign', '\x7fELF is not enough', 0o755)
})
after(async () => {
  if (noContainers) return
  await sandbox[Symbol.asyncDispose]()
})

test('exit codes, output and environment', options, async () => {
  const script = 'echo $A:$HOME:$(busybox pwd):$(busybox hostname); echo bad >&2; exit 7'
  const { outcome, stdout, stderr } = await sandbox.sh(script, { env: ['PATH=/bin', 'A=b c'], cwd: '/etc' })
  assert.equal(outcome.kind === 'exited' && outcome.code, 7)
  assert.equal(stdout, 'b c:/root:/etc:sandbox\n')
  assert.equal(stderr, 'bad\n')
  assert.deepEqual(await leftovers(sandbox), [])
})

test('commands that cannot be started', options, async () => {
  const reasons = [
    ['nosuch', 'not-found'],
    ['/nosuch', 'not-found'],
    ['broken', 'not-found'],
    ['/bin/broken', 'not-executable'],
    ['/bin', 'not-executable'],
  ] as const
  for (const [command, reason] of reasons) {
    const { outcome, stderr } = await sandbox.run([command])
    assert.equal(outcome.kind === 'not-started' && outcome.reason, reason, command)
    assert.equal(stderr, '')
  }
  const foreign = await sandbox.run(['/bin/foreign'])
  assert.ok(foreign.outcome.kind === 'exited' ? foreign.outcome.code !== 0 : foreign.outcome.kind === 'not-started')
  assert.deepEqual(await leftovers(sandbox), [])
})

test('users', options, async () => {
  const script = 'echo $(busybox id -u) $(busybox id -g) $(busybox grep Groups /proc/self/status) $HOME'
  const cases = [
    ['', '0 0 Groups: 0 44 /root'],
    ['app', '1000 1001 Groups: 44 1001 /home/app'],
    ['app:video', '1000 44 Groups: 44 /home/app'],
    ['1000:1001', '1000 1001 Groups: 1001 /home/app'],
    ['5000', '5000 0 Groups: 0 /'],
  ] as const
  for (const [user, expected] of cases) {
    const { stdout } = await sandbox.sh(script, { user })
    assert.equal(stdout.trim(), expected, user)
  }
  await assert.rejects(sandbox.sh('', { user: 'nobody' }), { code: 'TSB_USER_UNKNOWN' })
})

test('a missing working directory is made for the user', options, async () => {
  const { stdout } = await sandbox.sh('busybox pwd', { user: 'app', cwd: '/new/place' })
  assert.equal(stdout, '/new/place\n')
  for (const path of ['new', 'new/place']) {
    const facts = await stat(join(sandbox.upper, path))
    assert.deepEqual([facts.uid, facts.gid, facts.mode & 0o7777], [1000, 1001, 0o755])
  }
})

test('output may be reopened and is complete', options, async () => {
  const script = 'echo one > /dev/stdout; busybox seq 1 50000; echo two > /proc/self/fd/2'
  const { stdout, stderr } = await sandbox.sh(script, { user: 'app' })
  assert.equal(stdout.split('\n').length, 50002)
  assert.equal(stderr, 'two\n')
})

test('bind mounts', options, async () => {
  await put(sandbox, '../source/file', 'content')
  const source = join(sandbox.directory, 'source')
  const script = 'busybox cat /mnt/deep/file /one; echo x > /mnt/deep/new && echo wrote; echo y > /rw/new && echo wrote rw'
  const { stdout } = await sandbox.sh(script, {
    mounts: [
      { kind: 'host', source: join(source, 'file'), target: '/one', readonly: true },
      { kind: 'host', source, target: '/mnt/deep', readonly: true },
      { kind: 'host', source, target: '/rw', readonly: false },
    ],
  })
  assert.equal(stdout, 'contentcontentwrote rw\n')
  assert.deepEqual((await readdir(source)).sort(), ['file', 'new'])
  assert.deepEqual((await readdir(sandbox.upper)).sort(), KERNEL_DIRECTORIES)
})

test('a read-only root', options, async () => {
  const { outcome } = await sandbox.sh('echo x > /file', { readonlyRoot: true })
  assert.equal(outcome.kind === 'exited' && outcome.code, 1)
  assert.deepEqual((await readdir(sandbox.upper)).sort(), KERNEL_DIRECTORIES)
})
