import { createHash } from 'node:crypto'
import { createWriteStream, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { CACHE, findProgram, outputOf, ROOT, run, SetupError } from './step.mjs'

export const DEMO_BASE = 'tsbuild/demo-base'
const TAR = join(CACHE, 'demo-base.tar')
const FOLDERS = ['bin', 'dev', 'etc', 'proc', 'root', 'sys', 'tmp', 'usr', 'usr/bin']
const FILES = {
  'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n',
  'etc/group': 'root:x:0:\nnogroup:x:65534:\n',
}

/** A root file system of one static busybox, as a tar: the base of the demo and of the tests that need no more. */
export async function buildDemoRoot() {
  if (existsSync(TAR)) return
  mkdirSync(CACHE, { recursive: true })
  const busybox = readFileSync(staticBusybox())
  const applets =
    outputOf(staticBusybox(), ['--list'])
      ?.split('\n')
      .filter((name) => name !== '' && name !== 'busybox') ?? []
  // The same bytes on every machine with the same busybox: one time for all, names in order.
  const header = { mtime: new Date(0), uid: 0, gid: 0 }
  const pack = createRequire(join(ROOT, 'package.json'))('tar-stream').pack()
  for (const name of FOLDERS) pack.entry({ ...header, name, type: 'directory', mode: name === 'tmp' ? 0o1777 : 0o755 })
  for (const [name, text] of Object.entries(FILES)) pack.entry({ ...header, name, mode: 0o644 }, text)
  pack.entry({ ...header, name: 'bin/busybox', mode: 0o755 }, busybox)
  for (const name of applets.sort()) pack.entry({ ...header, name: `bin/${name}`, type: 'symlink', linkname: 'busybox' })
  pack.finalize()
  await pipeline(pack, createWriteStream(`${TAR}.new`))
  renameSync(`${TAR}.new`, TAR)
}

/** Puts the root into the user's store, unless it is there. */
export function importDemoBase() {
  const tsbuild = join(ROOT, 'cli/bin/tsbuild.cjs')
  const stamp = join(CACHE, 'demo-base.stamp')
  const digest = createHash('sha256').update(readFileSync(TAR)).digest('hex')
  const imported = existsSync(stamp) && readFileSync(stamp, 'utf8') === digest
  if (imported && outputOf(process.execPath, [tsbuild, 'images'])?.includes(DEMO_BASE)) return
  run('base image of the demo', process.execPath, [tsbuild, 'import', TAR, DEMO_BASE])
  writeFileSync(stamp, digest)
}

/**
 * The host's busybox when it is static, else the one of Debian's package, unpacked into our cache:
 * installed, it would take the place of the user's own.
 */
function staticBusybox() {
  const own = findProgram('busybox')
  if (own !== undefined && isStatic(own)) return own
  const folder = join(CACHE, 'busybox')
  const unpacked = ['bin/busybox', 'usr/bin/busybox'].map((name) => join(folder, name))
  const found = unpacked.find((path) => existsSync(path))
  if (found !== undefined) return found
  fetchPackage(folder)
  const fresh = unpacked.find((path) => existsSync(path))
  if (fresh === undefined)
    throw new SetupError('no static busybox for the demo', 'install it, on Debian: apt-get install -y busybox-static')
  return fresh
}

function fetchPackage(folder) {
  if (findProgram('apt-get') === undefined || findProgram('dpkg-deb') === undefined) return
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  run('busybox-static', 'apt-get', ['download', '-q', 'busybox-static'], { cwd: folder })
  const [file] = readdirSync(folder).filter((name) => name.endsWith('.deb'))
  if (file !== undefined) run('unpack busybox-static', 'dpkg-deb', ['-x', file, folder], { cwd: folder })
}

/** A dynamic program names its loader in a program header of type PT_INTERP (64-bit ELF, little endian). */
function isStatic(path) {
  const elf = readFileSync(path)
  const [offset, size, count] = [Number(elf.readBigUInt64LE(32)), elf.readUInt16LE(54), elf.readUInt16LE(56)]
  const types = Array.from({ length: count }, (_, index) => elf.readUInt32LE(offset + index * size))
  return !types.includes(3)
}
