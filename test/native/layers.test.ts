import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, existsSync, openSync } from 'node:fs'
import { appendFile, lstat, mkdir, mkdtemp, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import { isTsbError } from '../../core/error.ts'
import type { Compression } from '../../core/media-types.ts'
import { loadNative } from '../../native/index.ts'

/** Docker's layer of a step that changed nothing. */
const EMPTY_LAYER = 'sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef'

/** Devices, owners and overlay attributes are root's. */
const skip = process.getuid?.() === 0 ? false : 'needs root'

interface TarEntry {
  readonly name: string
  readonly type?: 'directory' | 'link'
  readonly linkname?: string
  readonly size?: number
}

let base: string

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'tsbuild-layers-'))
  await mkdir(join(base, 'layer'))
})

afterEach(async () => {
  await rm(base, { recursive: true, force: true })
})

test('an empty upper is the empty layer of docker', { skip }, async () => {
  const written = await loadNative().writeLayer({ upper: join(base, 'layer'), compression: 'gzip' })
  assert.deepEqual(written, { diffId: EMPTY_LAYER, plainSize: 1024, digest: EMPTY_LAYER, size: 1024 })
})

test('what is written unpacks to the same layer in every compression', { skip }, async () => {
  const upper = join(base, 'layer')
  await mkdir(join(upper, 'd'))
  await writeFile(join(upper, 'd/file'), 'x'.repeat(3_000_000))
  await symlink('/nowhere', join(upper, 'link'))
  execFileSync('mknod', [join(upper, 'gone'), 'c', '0', '0'])
  await utimes(join(upper, 'd'), 7, 7)
  const plain = await loadNative().writeLayer({ upper, compression: 'none' })
  for (const compression of ['none', 'gzip', 'zstd'] satisfies Compression[]) {
    const blob = join(base, compression)
    const destination = join(base, `from-${compression}`)
    await mkdir(destination)
    const written = await loadNative().writeLayer({ upper, output: blob, compression })
    const bytes = await readFile(blob)
    assert.equal(written.diffId, plain.diffId)
    assert.deepEqual([written.digest, written.size], [sha256(bytes), bytes.length])
    if (compression === 'gzip') assert.equal(sha256(gunzipSync(bytes)), written.diffId)
    const applied = await loadNative().applyLayer({ blob, compression, destination })
    const { newest, ...others } = applied
    assert.deepEqual(others, { diffId: plain.diffId, size: plain.plainSize, implicit: [] })
    assert.ok(newest !== null && Math.abs(newest - Date.now() / 1000) < 600)
    const again = await loadNative().writeLayer({ upper: destination, compression: 'none' })
    assert.equal(again.diffId, plain.diffId)
  }
})

test('directories left unsaid are reported, with names that are not UTF-8', { skip }, async () => {
  const tar = await tarOf([{ name: 'a/b/c' }])
  const raw = Buffer.from(tar)
  raw.write('a/\xff/c', 0, 'latin1')
  raw.fill(' ', 148, 156)
  const sum = raw.subarray(0, 512).reduce((all, byte) => all + byte, 0)
  raw.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  assert.deepEqual((await apply(raw)).implicit, ['a', 'a/\udcff'])
})

test('whiteouts become overlay devices', { skip }, async () => {
  await apply(await tarOf([{ name: 'd/', type: 'directory' }, { name: 'd/.wh.gone' }]))
  const gone = await lstat(join(base, 'layer/d/gone'))
  assert.deepEqual([gone.isCharacterDevice(), gone.rdev], [true, 0])
})

for (const [what, headers, code] of [
  ['a name that climbs', [{ name: '../outside' }], 'TSB_LAYER_PATH'],
  ['a hard link out of the layer', [{ name: 'a', type: 'link', linkname: '../outside' }], 'TSB_LAYER_PATH'],
  ['a hard link to nothing', [{ name: 'a', type: 'link', linkname: 'b' }], 'TSB_LAYER_LINK'],
  ['a whiteout of the directory above', [{ name: '.wh...' }], 'TSB_LAYER_WHITEOUT'],
] satisfies [string, TarEntry[], string][]) {
  test(`${what} is refused`, { skip }, async () => {
    await writeFile(join(base, 'outside'), 'unchanged')
    await fails(async () => apply(await tarOf(headers)), code, 'input')
    assert.equal(await readFile(join(base, 'outside'), 'utf8'), 'unchanged')
  })
}

test('a cut or bloated blob is refused', { skip }, async () => {
  const packed = gzipSync(await tarOf([{ name: 'zeros', size: 4_000_000 }]))
  await fails(() => apply(packed.subarray(0, packed.length - 9), 'gzip'), 'TSB_LAYER_CORRUPT', 'input')
  await fails(() => apply(packed, 'gzip', 10), 'TSB_LAYER_BOMB', 'input')
  assert.equal((await apply(packed, 'gzip', 2000)).size % 512, 0)
})

test('an output that exists is left alone', { skip }, async () => {
  const output = join(base, 'mine')
  await writeFile(output, 'mine')
  await fails(() => loadNative().writeLayer({ upper: join(base, 'layer'), output, compression: 'gzip' }), 'TSB_LAYER_WRITE', 'host')
  assert.equal(await readFile(output, 'utf8'), 'mine')
})

test('a full disk is said to be one', { skip: existsSync('/dev/full') ? skip : 'needs /dev/full' }, async () => {
  const fd = openSync('/dev/full', 'w')
  try {
    await writeFile(join(base, 'layer/file'), 'x'.repeat(100_000))
    await fails(() => loadNative().exportTar({ layers: [join(base, 'layer')], output: { fd } }), 'TSB_DISK_FULL', 'host')
  } finally {
    closeSync(fd)
  }
})

test('a blob is unpacked as it comes in, and its index serves a commit as a walk would', { skip }, async () => {
  const native = loadNative()
  const tar = await tarOf([
    { name: 'd/', type: 'directory' },
    { name: 'd/f', size: 900_000 },
    { name: 'e/deep', size: 3 },
  ])
  const [blob, destination, delta] = ['incoming', 'layer', 'delta'].map((name) => join(base, name)) as [string, string, string]
  await writeFile(blob, tar.subarray(0, 500_000))
  const arrival = native.arrival(blob)
  arrival.reached(500_000)
  const applying = native.applyLayer({ blob, arrival, compression: 'none', destination, delta })
  await appendFile(blob, tar.subarray(500_000))
  // As a store does with a blob that is whole; the reader has the file already.
  await rename(blob, join(base, 'whole'))
  arrival.reached(tar.length)
  arrival.end()
  const { diffId, implicit } = await applying
  assert.deepEqual([diffId, implicit], [sha256(tar), ['e']])
  const treesDirectory = join(base, 'trees')
  await mkdir(treesDirectory)
  const indexed = await native.commit({ upper: destination, treesDirectory, implicit, delta })
  assert.deepEqual(indexed, await native.commit({ upper: destination, treesDirectory, implicit }))
})

test('a blob that does not come to its end ends the unpacking, and one that is not there is said to be so', { skip }, async () => {
  const native = loadNative()
  const blob = join(base, 'incoming')
  await fails(async () => native.arrival(blob), 'TSB_LAYER_READ', 'host')
  await writeFile(blob, (await tarOf([{ name: 'f', size: 900_000 }])).subarray(0, 500_000))
  const arrival = native.arrival(blob)
  arrival.reached(500_000)
  const applying = native.applyLayer({ blob, arrival, compression: 'none', destination: join(base, 'layer') })
  setTimeout(() => arrival.fail(), 20)
  await fails(() => applying, 'TSB_INTERRUPTED', 'interrupted')
})

test('an abort ends the work and leaves no output', { skip }, async () => {
  const upper = join(base, 'layer')
  const output = join(base, 'out')
  await writeFile(join(upper, 'file'), Buffer.alloc(200_000_000, 'some text '))
  const control = new AbortController()
  const work = loadNative().writeLayer({ upper, output, compression: 'gzip', level: 9 }, control.signal)
  setTimeout(() => control.abort(), 50)
  await fails(() => work, 'TSB_INTERRUPTED', 'interrupted')
  assert.equal(existsSync(output), false)
})

async function apply(tar: Uint8Array, compression: Compression = 'none', maxRatio?: number) {
  const blob = join(base, 'blob')
  await writeFile(blob, tar)
  const destination = join(base, 'layer')
  return loadNative().applyLayer({ blob, compression, destination, ...(maxRatio === undefined ? {} : { maxRatio }) })
}

async function tarOf(headers: readonly TarEntry[]): Promise<Buffer> {
  const archive = pack()
  for (const header of headers) archive.entry(header, Buffer.alloc(header.size ?? 0))
  archive.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of archive) chunks.push(Buffer.from(chunk as Uint8Array))
  return Buffer.concat(chunks)
}

async function fails(work: () => Promise<unknown>, code: string, fault: string): Promise<void> {
  await assert.rejects(work, (error) => isTsbError(error) && assert.deepEqual([error.code, error.fault], [code, fault]) === undefined)
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
