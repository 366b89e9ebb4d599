import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { leftovers } from '../../support/leftovers.ts'
import { findOracle } from '../../support/oracle.ts'
import { findPeer } from '../../support/peers.ts'
import { openProject, type Project } from '../project.ts'
import { storeFaults } from '../store-check.ts'

const RAW = Buffer.from('bad\xff\xfename', 'latin1')
const RAW_DIRECTORY = Buffer.from('d\xe9r', 'latin1')

/** Writes files whose names are bytes. */
function writeRaw({ directory }: Project): void {
  const path = (...names: readonly Buffer[]): Buffer =>
    Buffer.concat([Buffer.from(directory), ...names.flatMap((name) => [Buffer.from('/'), name])])
  writeFileSync(path(RAW), 'raw\n')
  mkdirSync(path(RAW_DIRECTORY))
  writeFileSync(path(RAW_DIRECTORY, Buffer.from([0x80])), 'deep\n')
}

const DOCKERFILE = `FROM busybox
COPY . /all/
COPY bad* /star/
COPY d?r /one/
RUN printf '%s\\n' /star/* | od -An -tx1 > /seen && touch "/star/$(printf 'r\\351un')"
`

test('names that are not UTF-8 come through byte for byte', { timeout: 120_000 }, async (t) => {
  await using project = await openProject({ Dockerfile: DOCKERFILE, '.dockerignore': 'out*\n' })
  writeRaw(project)
  const { tsbuild, directory } = project
  const [oci, docker] = [join(directory, 'out.oci'), join(directory, 'out.docker')]
  await tsbuild.must(['build', '-q', '-t', 'raw', '-o', `type=oci,dest=${oci}`, '-o', `type=docker,dest=${docker}`, directory])
  const root = execFileSync('tar', ['-t', '--quoting-style=escape'], { input: await archive(project) }).toString('latin1')
  for (const name of ['all/bad\\377\\376name', 'all/d\\351r/\\200', 'star/bad\\377\\376name', 'one/\\200', 'star/r\\351un']) {
    assert.ok(
      root.split('\n').includes(name),
      `${name} is not in\n${root
        .split('\n')
        .filter((line) => line.includes('\\'))
        .join('\n')}`,
    )
  }
  const bytes = await tsbuild.must([
    'run',
    '--network',
    'none',
    'raw',
    'sh',
    '-c',
    "cat /seen; printf '%s\\n' /star/* /all/d*r/* | od -An -tx1",
  ])
  for (const name of ['62 61 64 ff fe 6e 61 6d 65', '72 e9 75 6e', '80 0a']) assert.ok(bytes.replaceAll('\n', '').includes(name), bytes)

  await t.test('docker loads it', async (inner) => {
    const oracle = await findOracle()
    if (typeof oracle === 'string') return inner.skip(oracle)
    await oracle.docker(['load', '-q', '-i', docker])
    const listed = await oracle.docker(['run', '--rm', '--network', 'none', 'raw', 'sh', '-c', "printf '%s\\n' /star/* | od -An -tx1"])
    await oracle.remove('raw')
    assert.ok(listed.replaceAll('\n', '').includes('62 61 64 ff fe 6e 61 6d 65'), listed)
  })
  await t.test('umoci unpacks what skopeo copied', async (inner) => {
    const [skopeo, umoci] = [await findPeer('skopeo'), await findPeer('umoci')]
    if (typeof skopeo === 'string' || typeof umoci === 'string') return inner.skip('no skopeo or umoci')
    const layout = join(directory, 'out-layout')
    const copied = await skopeo.run(['copy', `oci-archive:${skopeo.path(oci)}`, `oci:${skopeo.path(layout)}:raw`])
    assert.equal(copied.code, 0, copied.stderr)
    const bundle = join(directory, 'out-bundle')
    const unpacked = await umoci.run(['unpack', '--image', `${umoci.path(layout)}:raw`, umoci.path(bundle)])
    assert.equal(unpacked.code, 0, unpacked.stderr)
    assert.ok(execFileSync('ls', [join(bundle, 'rootfs/star')]).includes(RAW))
  })
})

/** The whole root as a tar. */
async function archive({ tsbuild, directory }: Project): Promise<Buffer> {
  const path = join(directory, 'out.tar')
  await tsbuild.must(['build', '-q', '-o', `type=tar,dest=${path}`, directory])
  return readFileSync(path)
}

test('sockets, pipes, devices, long names and links are copied as docker copies them', {
  timeout: 60_000,
  skip: process.getuid?.() !== 0,
}, async () => {
  await using project = await openProject({ Dockerfile: 'FROM scratch\nCOPY . /\n', '.dockerignore': 'out*\n', l10: 'end' })
  const { directory } = project
  const shell = `mkfifo pipe; mknod null c 1 3; mknod disk b 8 1; ln -s loop loop; : > ${'n'.repeat(255)}
    for i in 0 1 2 3 4 5 6 7 8 9; do ln -s l$((i + 1)) l$i; done`
  execFileSync('sh', ['-ec', shell], { cwd: directory })
  execFileSync('python3', ['-c', 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'], { cwd: directory })
  const listed = execFileSync('tar', ['-tv'], { input: await archive(project) }).toString()
  const kinds = Object.fromEntries(
    listed
      .trim()
      .split('\n')
      .map((line) => [line.split(/\s+/)[5] ?? '', line[0]]),
  )
  // A socket means nothing without its process: docker's client sends an empty file for it.
  assert.deepEqual(
    ['pipe', 'null', 'disk', 'loop', 'socket', 'l0', 'n'.repeat(255)].map((name) => kinds[name]),
    ['p', 'c', 'b', 'l', '-', 'l', '-'],
  )
  project.write({ Dockerfile: 'FROM scratch\nCOPY l0 /f\n' })
  assert.equal(execFileSync('tar', ['-xO', 'f'], { input: await archive(project) }).toString(), 'end')
  project.write({ Dockerfile: 'FROM scratch\nCOPY loop /f\n' })
  const { code, stderr } = await project.tsbuild.run(['build', '-q', directory])
  assert.equal(code, 1, stderr)
  assert.match(stderr, /`\/loop` \[TSB_COPY_LINKS\]\n(.*\n)*hint: /)
})

/** Directories of 250 bytes each, made one in the other: the path itself is longer than the system takes at once. */
function makeDeep(directory: string, depth: number, letter: string): void {
  const script = `import os, sys
at = os.open(sys.argv[1], os.O_RDONLY)
for _ in range(int(sys.argv[2])):
    os.mkdir(sys.argv[3] * 250, dir_fd=at)
    at = os.open(sys.argv[3] * 250, os.O_RDONLY, dir_fd=at)
os.close(os.open('leaf', os.O_WRONLY | os.O_CREAT, dir_fd=at))`
  execFileSync('python3', ['-c', script, directory, String(depth), letter])
}

test('a path of nearly 4,096 bytes is built, exported and unpacked again; a longer one is named', { timeout: 60_000 }, async () => {
  await using project = await openProject({ Dockerfile: 'FROM busybox\nCOPY in /d/\n', 'in/f': '', '.dockerignore': 'out*\n' })
  await using other = await openProject({})
  const { tsbuild, directory } = project
  try {
    makeDeep(join(directory, 'in'), 16, 'n')
    const archived = join(directory, 'out.tar')
    await tsbuild.must(['build', '-q', '-t', 'deep', '-o', `type=oci,dest=${archived}`, directory])
    await other.tsbuild.must(['load', '-i', archived])
    const found = await other.tsbuild.must(['run', '--network', 'none', 'deep', 'find', '/d', '-name', 'leaf'])
    assert.equal(found.trim().length, '/d'.length + 16 * 251 + '/leaf'.length)

    makeDeep(join(directory, 'in'), 17, 'm')
    const { code, stderr } = await tsbuild.run(['build', '-q', '-t', 'deep', directory])
    assert.equal(code, 1, stderr)
    assert.match(stderr, /\[TSB_LAYER_NAME\]\n(.*\n)*hint: /)
    assert.ok(stderr.includes(`/${'m'.repeat(250)}`), stderr)
    assert.deepEqual(await leftovers(tsbuild.root), [])
    assert.deepEqual(await storeFaults(tsbuild.root), [])
  } finally {
    // Node's own removal takes whole paths.
    execFileSync('rm', ['-rf', directory, tsbuild.root, other.tsbuild.root])
  }
})
