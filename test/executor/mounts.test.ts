import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { chmod, chown, mkdir, readdir, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Mount, TreeMount } from '../../executor/types.ts'
import { KERNEL_DIRECTORIES, leftovers, makeSandbox, noContainers, put, type Sandbox } from './sandbox.ts'

const options = { skip: noContainers, timeout: 60_000 }
let sandbox: Sandbox
let count = 0

before(async () => {
  if (noContainers) return
  sandbox = await makeSandbox()
  await put(sandbox, '../one/shared', 'one')
  await put(sandbox, '../one/a/deep/file', 'deep')
  await put(sandbox, '../two/shared', 'two')
  symlinkSync('/a/deep', join(sandbox.directory, 'one/link'))
  symlinkSync('../../../../../../../../shared', join(sandbox.directory, 'one/out'))
})
after(async () => {
  if (!noContainers) await sandbox[Symbol.asyncDispose]()
})

function tree(names: readonly string[], target: string, more: Partial<TreeMount> = {}): TreeMount {
  const layers = names.map((name) => join(sandbox.directory, name))
  return { kind: 'tree', layers, source: '/', target, readonly: true, ...more }
}

/** Fresh directories for what is written to a tree. */
function writable(): { readonly path: string; readonly work: string } {
  const directory = join(sandbox.directory, `writable-${count++}`)
  const [path, work] = [join(directory, 'upper'), join(directory, 'work')]
  for (const each of [path, work]) mkdirSync(each, { recursive: true })
  return { path, work }
}

async function sh(script: string, ...mounts: readonly Mount[]): Promise<string> {
  const { stdout, stderr } = await sandbox.sh(script, { mounts })
  return stdout + stderr
}

async function assertNoTrace(): Promise<void> {
  assert.deepEqual((await readdir(sandbox.upper)).sort(), KERNEL_DIRECTORIES)
  assert.deepEqual(await leftovers(sandbox), [])
}

test('layers show together, and cannot be written', options, async () => {
  const script = 'busybox cat /m/shared /m/a/deep/file; echo x > /m/new'
  assert.match(await sh(script, tree(['one', 'two'], '/m')), /^twodeep.*Read-only file system/s)
  assert.match(await sh(script, tree(['one'], '/m')), /^onedeep.*Read-only file system/s)
  await assertNoTrace()
})

test('a writable tree takes writes elsewhere', options, async () => {
  const upper = writable()
  const mount = tree(['one', 'two'], '/m/at', { readonly: false, upper })
  assert.equal(await sh('echo x > /m/at/new; busybox rm /m/at/shared; busybox ls /m/at', mount), 'a\nlink\nnew\nout\n')
  assert.deepEqual(readdirSync(upper.path).sort(), ['new', 'shared'])
  assert.equal(readFileSync(join(sandbox.directory, 'two/shared'), 'utf8'), 'two')
  await assertNoTrace()
})

test('a tree without layers is the directory itself', options, async () => {
  const upper = writable()
  await chmod(upper.path, 0o2750)
  await chown(upper.path, 7, 8)
  const mount = tree([], '/m', { readonly: false, upper })
  assert.equal(await sh('echo x > /m/new; busybox stat -c "%a %u:%g" /m', mount), '2750 7:8\n')
  assert.deepEqual(readdirSync(upper.path), ['new'])
  assert.match(await sh('echo x > /m/more', { ...mount, readonly: true }), /Read-only file system/)
})

test('a path of a tree: a directory, a file, behind a link, never outside', options, async () => {
  const mounts = [
    tree(['one', 'two'], '/directory', { source: '/a' }),
    tree(['one'], '/file', { source: '/a/deep/file' }),
    tree(['one'], '/linked', { source: '/link' }),
    tree(['one'], '/clamped', { source: '/out' }),
  ]
  const script = 'busybox ls /directory /linked; busybox cat /file /clamped'
  assert.equal(await sh(script, ...mounts), '/directory:\ndeep\n\n/linked:\nfile\ndeepone')
  await assertNoTrace()
})

test('what is not in the tree', options, async () => {
  for (const source of ['/nope', '/shared/below']) {
    await assert.rejects(sh('true', tree(['one'], '/m', { source })), { code: 'TSB_MOUNT_SOURCE_MISSING', fault: 'input' })
  }
  assert.deepEqual(await leftovers(sandbox), [])
})

test('a target that does not fit', options, async () => {
  const wrong: readonly Mount[] = [
    tree(['one'], '/bin/busybox'),
    tree(['one'], '/bin/busybox/below'),
    tree(['one'], '/bin', { source: '/shared' }),
    { kind: 'tmpfs', target: '/bin/busybox', readonly: false },
  ]
  for (const mount of wrong) await assert.rejects(sh('true', mount), { code: 'TSB_MOUNT_TARGET', fault: 'step' })
  // Found out by the runtime: nobody can make the mount point there.
  const nested: readonly Mount[] = [tree(['one'], '/m'), { kind: 'tmpfs', target: '/m/new', readonly: false }]
  await assert.rejects(sh('true', ...nested), { code: 'TSB_MOUNT_TARGET' })
  assert.deepEqual(await leftovers(sandbox), [])
})

test('memory: size, mode, and nothing left', options, async () => {
  const mounts: readonly Mount[] = [
    { kind: 'tmpfs', target: '/t/small', size: 1 << 20, readonly: false },
    { kind: 'tmpfs', target: '/bin/over', readonly: true },
    { kind: 'tmpfs', target: '/bin', readonly: false },
    { kind: 'tmpfs', target: '/dev/shm', size: 4096, readonly: false },
  ]
  const { stdout } = await sandbox.run(
    ['/b/busybox', 'sh', '-c', '/b/busybox df -k /t/small /dev/shm; /b/busybox stat -c %a /t /t/small /bin'],
    {
      mounts: [...mounts, tree(['layer'], '/b', { source: '/bin' })],
    },
  )
  assert.deepEqual(
    stdout.match(/^tmpfs +\d+/gm)?.map((line) => Number(line.split(/ +/)[1])),
    [1024, 4],
  )
  assert.ok(stdout.endsWith('\n755\n1777\n755\n'), stdout)
  await assertNoTrace()
})

test('a file in memory: content, owner, mode, options', options, async () => {
  const content = Uint8Array.from({ length: 500 * 1024 }, (_, index) => index & 0xff)
  const file = { kind: 'file' as const, content, mode: 0o4440, uid: 3, gid: 4 }
  const script = `
    busybox stat -c '%a %u:%g %s' /run/secrets/a /x; busybox sha256sum /x | busybox cut -c1-8
    echo x > /x; busybox rm /x; busybox grep -E ' /(x|run/secrets/a) ' /proc/self/mountinfo | busybox cut -d' ' -f6`
  const text = await sh(script, { ...file, target: '/run/secrets/a' }, { ...file, target: '/x', mode: 0o555 })
  const { createHash } = await import('node:crypto')
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 8)
  assert.ok(text.startsWith(`440 3:4 512000\n555 3:4 512000\n${hash}\nro,nosuid,nodev,relatime\nro,nosuid,nodev,noexec,relatime\n`), text)
  assert.match(text, /Read-only file system.*(busy|Read-only)/s)
  await assertNoTrace()
})

test('a socket of the machine', options, async () => {
  const path = join(sandbox.directory, 'socket')
  const server = createServer((socket) => socket.end('greetings'))
  await new Promise<void>((resolve) => server.listen(path, resolve))
  try {
    const mount: Mount = { kind: 'host', source: path, target: '/run/agent/socket', readonly: false }
    assert.equal(await sh('test -S /run/agent/socket && busybox stat -c %a /run/agent/socket', mount), '755\n')
  } finally {
    server.close()
  }
  await assertNoTrace()
})

test('in the order of their depth', options, async () => {
  const mounts: readonly Mount[] = [
    { kind: 'tmpfs', target: '/m/a', readonly: false },
    tree(['one'], '/m', { readonly: false, upper: writable() }),
    { kind: 'file', content: Buffer.from('inner'), target: '/m/a/b/c', mode: 0o400, uid: 0, gid: 0 },
  ]
  assert.equal(await sh('busybox cat /m/a/b/c /m/shared; busybox ls /m/a', ...mounts), 'inneroneb\n')
  await assertNoTrace()
})

test('a mount point that is a link, and times of what is there', options, async () => {
  await using linked = await makeSandbox()
  await mkdir(join(linked.layer, 'private/var'), { recursive: true })
  symlinkSync('private/var', join(linked.layer, 'var'))
  const before = await stat(join(linked.layer, 'private/var'))
  const { stdout } = await linked.sh('echo x > /var/new/x; busybox ls /private/var/new', {
    mounts: [{ kind: 'tmpfs', target: '/var/new', readonly: false }],
  })
  assert.equal(stdout, 'x\n')
  assert.deepEqual((await readdir(linked.upper)).sort(), KERNEL_DIRECTORIES)
  assert.equal((await stat(join(linked.layer, 'private/var'))).mtimeMs, before.mtimeMs)
})

test('no secret is on the disk while the container runs', options, async () => {
  const secret = 'S3CRET-of-the-executor'
  const found: string[] = []
  const spec = await sandbox.spec(['busybox', 'sh', '-c', 'echo ready; busybox sleep 0.5; echo $TOKEN; busybox cat /s'], {
    env: ['PATH=/bin', `TOKEN=${secret}`],
    mounts: [{ kind: 'file', content: Buffer.from(secret), target: '/s', mode: 0o400, uid: 0, gid: 0 }],
  })
  let output = ''
  const onOutput = (_stream: string, data: Uint8Array): void => {
    output += Buffer.from(data).toString()
    if (output === 'ready\n') found.push(...filesWith(sandbox.directory, secret))
  }
  await sandbox.executor.run(spec, { kind: 'capture', onOutput }, { signal: new AbortController().signal })
  assert.equal(output, `ready\n${secret}\n${secret}`)
  assert.deepEqual(found, [])
  writeFileSync(join(sandbox.directory, 'control'), secret)
  assert.equal(filesWith(sandbox.directory, secret).length, 1)
})

test('without a sandbox', options, async () => {
  const script = `
    busybox grep -E 'Cap(Eff|Amb|Inh|Bnd)|Seccomp:' /proc/self/status | busybox tr -d '\\t\\n'; echo
    busybox mount -t tmpfs tmpfs /mnt && echo mounted
    busybox test -b /dev/loop0 -a -c /dev/kmsg -a -c /dev/net/tun && echo devices
    busybox mknod /disk b 7 0 && echo made; busybox head -c1 /dev/loop-control 2>&1 | busybox grep -c 'Operation not permitted'
    busybox grep -E ' (/sys|/sys/fs/cgroup|/proc/[a-z]+) ' /proc/self/mountinfo | busybox grep -c ' ro,'`
  await mkdir(join(sandbox.layer, 'mnt'), { recursive: true })
  const { stdout } = await sandbox.sh(script, { security: 'insecure' })
  const all = /CapInh:(\w+)CapEff:(\w+)CapBnd:(\w+)CapAmb:(\w+)Seccomp:0/.exec(stdout)?.slice(1) ?? []
  const whole = BigInt(`0x${/CapEff:\s*(\w+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]}`)
  assert.deepEqual(
    all.map((text) => BigInt(`0x${text}`)),
    [whole, whole, whole, whole],
  )
  assert.ok(stdout.endsWith('\nmounted\ndevices\nmade\n0\n0\n'), stdout)
})

/** Files below `directory` whose bytes hold `text`. Programs are left out. */
function filesWith(directory: string, text: string): readonly string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name !== 'busybox')
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(text))
}
