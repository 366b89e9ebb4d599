import assert from 'node:assert/strict'
import { constants } from 'node:fs'
import { open, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { extract } from 'tar-stream'
import { MEDIA_TYPES } from '../../core/media-types.ts'
import { writeDockerArchive } from '../../exporter/docker-archive.ts'
import { writeOciArchive, writeOciDirectory } from '../../exporter/oci.ts'
import { withOutputFile } from '../../exporter/output-file.ts'
import { readArchive, readLayoutDirectory } from '../../exporter/read-archive.ts'
import { validateLayout } from '../../exporter/validate.ts'
import { loadNative } from '../../native/index.ts'
import { makeImage } from '../support/images.ts'
import { mustRun } from '../support/process.ts'
import { AMD64, archiveBytes, CALM, inPieces, memorySink, namedImage, scratch, withCode } from './support.ts'

const NAME = 'docker.io/library/app:1'
const OTHER = 'localhost:5000/team/app:2'

for (const [format, write] of [
  ['oci', writeOciArchive],
  ['docker', writeDockerArchive],
] as const) {
  test(`${format}: what is written is read back whole`, async () => {
    await using place = await scratch()
    const one = await makeImage({
      files: [
        ['a', 'x'.repeat(300_000)],
        ['b', 'y'],
      ],
    })
    const two = await makeImage({
      files: [
        ['b', 'y'],
        ['c', 'z'],
      ],
      compression: 'none',
    })
    const images = [await namedImage(one, [NAME, OTHER], place.path), await namedImage(two, [], place.path)]
    const sink = memorySink()
    const read = await readArchive(inPieces(await archiveBytes(write, images), 10_000), sink, AMD64, CALM)
    assert.deepEqual(
      read.map(({ names }) => names),
      [[NAME, OTHER], []],
    )
    assert.deepEqual(
      read.map(({ manifestDescriptor }) => manifestDescriptor.digest),
      [one.manifestDigest, two.manifestDigest],
    )
    assert.deepEqual(read[0]?.config, one.config)
    for (const [digest, bytes] of [...one.blobs, ...two.blobs]) assert.ok(sink.blobs.get(digest)?.equals(bytes))
  })

  test(`${format}: the same images make the same bytes, with no owner and no time`, async () => {
    await using place = await scratch()
    const image = await namedImage(await makeImage(), [NAME], place.path)
    const first = await archiveBytes(write, [image])
    assert.ok(first.equals(await archiveBytes(write, [image])))
    const headers = await headersOf(first)
    assert.ok(headers.every(({ uid, gid, mtime, uname }) => uid === 0 && gid === 0 && mtime?.getTime() === 0 && (uname ?? '') === ''))
    const names = headers.map(({ name }) => name)
    assert.equal(new Set(names).size, names.length)
    assert.equal(names.includes('manifest.json'), format === 'docker')
  })

  test(`${format}: a layer file that is longer, shorter or other than its descriptor says fails the export`, async () => {
    await using place = await scratch()
    const image = await namedImage(await makeImage(), [NAME], place.path)
    const path = image.content.layers[0]?.path ?? ''
    const bytes = await readFile(path)
    const flipped = Buffer.from(bytes.map((byte, index) => (index === 20 ? byte ^ 1 : byte)))
    for (const damaged of [Buffer.concat([bytes, bytes]), bytes.subarray(0, -1), flipped]) {
      await writeFile(path, damaged)
      await assert.rejects(archiveBytes(write, [image]), withCode('TSB_BLOB_DIGEST'))
    }
  })

  test(`${format}: a full disk is an error of ours, and the half file goes`, async () => {
    await using place = await scratch()
    const image = await namedImage(await makeImage({ files: [['big', randomLooking(4_000_000)]], compression: 'none' }), [NAME], place.path)
    await assert.rejects(write(loadNative(), [image], { path: '/dev/full' }, CALM), withCode('TSB_DISK_FULL'))
    const target = join(place.path, 'out.tar')
    const last = { mediaType: MEDIA_TYPES.ociLayer, digest: `sha256:${'f'.repeat(64)}`, size: 7 } as const
    const layers = [...image.content.layers, { descriptor: last, path: join(place.path, 'missing'), verified: false }]
    const failing = withOutputFile(target, async ({ fd }) => {
      const writing = write(loadNative(), [{ ...image, content: { ...image.content, layers } }], { fd }, CALM)
      await assert.rejects(writing, withCode('TSB_LAYER_READ'))
      assert.ok((await stat(target)).size > 4_000_000)
      await writing
    })
    await assert.rejects(failing, withCode('TSB_LAYER_READ'))
    await assert.rejects(readFile(target), withCode('ENOENT'))
    await withOutputFile(target, ({ fd }) => write(loadNative(), [image], { fd }, CALM))
    assert.ok((await readFile(target)).equals(await archiveBytes(write, [image])))
  })

  test(`${format}: an export into a pipe that nobody reads can be interrupted`, { timeout: 20_000 }, async () => {
    await using place = await scratch()
    const image = await namedImage(await makeImage({ files: [['big', randomLooking(400_000)]], compression: 'none' }), [NAME], place.path)
    const fifo = join(place.path, 'fifo')
    await mustRun('mkfifo', [fifo])
    await using reader = await open(fifo, constants.O_RDWR | constants.O_NONBLOCK)
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 100)
    await assert.rejects(write(loadNative(), [image], { fd: reader.fd }, stop.signal), withCode('TSB_INTERRUPTED'))
    await assert.rejects(write(loadNative(), [image], { path: join(place.path, 'x') }, AbortSignal.abort()), withCode('TSB_INTERRUPTED'))
  })
}

test('a layout directory keeps what others put there, and replaces its own', async () => {
  await using place = await scratch()
  const target = join(place.path, 'layout')
  const [one, two, three] = [await makeImage(), await makeImage({ files: [['x', '1']] }), await makeImage({ files: [['x', '2']] })]
  await writeOciDirectory([await namedImage(one, [NAME], place.path)], target, CALM)
  await writeOciDirectory([await namedImage(two, [OTHER], place.path)], target, CALM)
  await writeOciDirectory([await namedImage(three, [NAME], place.path)], target, CALM)
  assert.deepEqual(await validateLayout(target), [])
  const read = await readLayoutDirectory(target, memorySink(), AMD64, CALM)
  assert.deepEqual(
    read.map(({ manifestDescriptor, names }) => [manifestDescriptor.digest, names]),
    [
      [two.manifestDigest, [OTHER]],
      [three.manifestDigest, [NAME]],
    ],
  )
})

test('an output that cannot be opened is an error of ours', async () => {
  await using place = await scratch()
  await assert.rejects(
    withOutputFile(join(place.path, 'no', 'such', 'directory'), async () => undefined),
    withCode('TSB_EXPORT_WRITE'),
  )
  await assert.rejects(
    withOutputFile(place.path, async () => undefined),
    (error: Error) => error.message.includes(`\`${place.path}\``) && !error.message.includes('EISDIR'),
  )
})

interface Header {
  readonly name: string
  readonly uid?: number | undefined
  readonly gid?: number | undefined
  readonly uname?: string | undefined
  readonly mtime?: Date | undefined
}

async function headersOf(tar: Buffer): Promise<readonly Header[]> {
  const entries = extract()
  const headers: Header[] = []
  entries.end(tar)
  for await (const entry of entries) {
    headers.push(entry.header)
    entry.resume()
  }
  return headers
}

function randomLooking(length: number): string {
  return Array.from({ length: Math.ceil(length / 8) }, (_, index) =>
    ((index * 2654435761) % 4294967296).toString(16).padStart(8, '0'),
  ).join('')
}
