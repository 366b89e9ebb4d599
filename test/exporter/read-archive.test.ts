import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import * as zlib from 'node:zlib'
import type { Descriptor } from '../../core/manifest.ts'
import { MEDIA_TYPES } from '../../core/media-types.ts'
import { writeDockerArchive } from '../../exporter/docker-archive.ts'
import { readArchive, readLayoutDirectory } from '../../exporter/read-archive.ts'
import { digestOf, makeImage, type TestImage, tarOf } from '../support/images.ts'
import { AMD64, archiveBytes, CALM, inPieces, memorySink, namedImage, scratch, type TarItem, tarOfEntries, withCode } from './support.ts'

/** A docker archive as before version 25: `ID/layer.tar`, and symbolic links for layers that occur twice. */
async function legacy(
  change: (items: TarItem[]) => TarItem[] = (items) => items,
): Promise<{ tar: Buffer; layers: readonly Buffer[]; config: Buffer }> {
  const layers = [await tarOf('a', '1'), await tarOf('b', '2')]
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: [layers[0], layers[1], layers[0]].map((layer) => digestOf(layer ?? '')) },
    }),
  )
  const configName = `${digestOf(config).slice(7)}.json`
  const manifest = [
    { Config: configName, RepoTags: ['app:1', 'not a name'], Layers: ['one/layer.tar', 'two/layer.tar', 'three/layer.tar'] },
  ]
  const items: TarItem[] = [
    { name: 'one/VERSION', content: '1.0' },
    { name: 'one/json', content: '{}' },
    { name: 'one/layer.tar', content: layers[0] ?? '' },
    { name: 'three/layer.tar', symlink: '../one/layer.tar' },
    { name: './two/layer.tar', content: layers[1] ?? '' },
    { name: configName, content: config },
    { name: 'manifest.json', content: JSON.stringify(manifest) },
    { name: 'repositories', content: '{"app":{"1":"one"}}' },
  ]
  return { tar: await tarOfEntries(change(items)), layers, config }
}

test('a docker archive of old is read, with a manifest made for it', async () => {
  const { tar, layers, config } = await legacy()
  const sink = memorySink()
  const [image, ...others] = await readArchive(inPieces(tar), sink, AMD64, CALM)
  assert.ok(image)
  assert.equal(others.length, 0)
  assert.deepEqual(image.names, ['docker.io/library/app:1'])
  assert.equal(image.manifest.config.digest, digestOf(config))
  assert.deepEqual(
    image.manifest.layers.map(({ digest, mediaType }) => [digest, mediaType]),
    [0, 1, 0].map((index) => [digestOf(layers[index] ?? ''), MEDIA_TYPES.ociLayer]),
  )
  assert.equal(digestOf(image.manifestBytes), image.manifestDescriptor.digest)
  assert.equal(sink.blobs.size, 4, 'two layers, config, manifest; no chaff')
})

test('a packed archive is unpacked on the way', async () => {
  const { tar } = await legacy()
  for (const packed of [zlib.gzipSync(tar), Buffer.concat([zlib.gzipSync(tar.subarray(0, 1024)), zlib.gzipSync(tar.subarray(1024))])]) {
    assert.equal((await readArchive(inPieces(packed, 3), memorySink(), AMD64, CALM)).length, 1)
  }
  const zstd = (zlib as { zstdCompressSync?: (bytes: Uint8Array) => Buffer }).zstdCompressSync
  if (zstd === undefined) {
    const magic = Buffer.from('28b52ffd0000000000', 'hex')
    await assert.rejects(readArchive(inPieces(magic), memorySink(), AMD64, CALM), withCode('TSB_ARCHIVE_COMPRESSION'))
  } else assert.equal((await readArchive(inPieces(zstd(tar)), memorySink(), AMD64, CALM)).length, 1)
  for (const magic of ['fd377a585a000000', '425a683931415926']) {
    await assert.rejects(readArchive(inPieces(Buffer.from(magic, 'hex')), memorySink(), AMD64, CALM), withCode('TSB_ARCHIVE_COMPRESSION'))
  }
})

test('layers that are packed inside are told by their bytes', async () => {
  const { tar } = await legacy((items) =>
    items.map((item) =>
      'content' in item && item.name === 'one/layer.tar' ? { name: item.name, content: zlib.gzipSync(item.content) } : item,
    ),
  )
  const [image] = await readArchive(inPieces(tar), memorySink(), AMD64, CALM)
  assert.deepEqual(
    image?.manifest.layers.map(({ mediaType }) => mediaType),
    [MEDIA_TYPES.ociLayerGzip, MEDIA_TYPES.ociLayer, MEDIA_TYPES.ociLayerGzip],
  )
})

const without = (name: string) => (items: TarItem[]) => items.filter((item) => !item.name.endsWith(name))
const replace = (name: string, content: string) => (items: TarItem[]) =>
  items.map((item) => (item.name.endsWith(name) ? { name: item.name, content } : item))

const HOSTILE: readonly (readonly [what: string, code: string, change: (items: TarItem[]) => TarItem[]])[] = [
  ['a layer is missing', 'TSB_ARCHIVE_INCOMPLETE', without('two/layer.tar')],
  ['the config is missing', 'TSB_ARCHIVE_INCOMPLETE', (items) => items.filter(({ name }) => !/^[0-9a-f]{64}\.json$/.test(name))],
  ['there is no table of contents', 'TSB_ARCHIVE_INVALID', without('manifest.json')],
  ['the table is not JSON', 'TSB_ARCHIVE_INVALID', replace('manifest.json', '{')],
  ['the table is empty', 'TSB_ARCHIVE_INVALID', replace('manifest.json', '[]')],
  ['the table names strange things', 'TSB_ARCHIVE_INVALID', replace('manifest.json', '[{"Config":1}]')],
  ['the table points out', 'TSB_ARCHIVE_PATH', replace('manifest.json', '[{"Config":"../../etc/passwd","Layers":[]}]')],
  ['the table is there twice', 'TSB_ARCHIVE_INVALID', (items) => [...items, { name: './manifest.json', content: '[]' }]],
  ['a name climbs out', 'TSB_ARCHIVE_PATH', (items) => [...items, { name: 'x/../../evil', content: 'x' }]],
  ['a name is absolute', 'TSB_ARCHIVE_PATH', (items) => [...items, { name: '/etc/evil', content: 'x' }]],
  ['a link climbs out', 'TSB_ARCHIVE_PATH', (items) => [...items, { name: 'x/layer.tar', symlink: '../../etc/shadow' }]],
  ['a link is absolute', 'TSB_ARCHIVE_PATH', (items) => [...items, { name: 'x/layer.tar', symlink: '/etc/shadow' }]],
  [
    'links go in a circle',
    'TSB_ARCHIVE_INCOMPLETE',
    (items) => [...without('two/layer.tar')(items), { name: 'two/layer.tar', symlink: '../z' }, { name: 'z', hardlink: 'two/layer.tar' }],
  ],
  ['a plain layer has other content', 'TSB_ARCHIVE_DIGEST', replace('two/layer.tar', 'something else')],
  [
    'the config has other content',
    'TSB_ARCHIVE_DIGEST',
    (items) => items.map((item) => (/^[0-9a-f]{64}\.json$/.test(item.name) ? { name: item.name, content: '{}' } : item)),
  ],
]

for (const [what, code, change] of HOSTILE) {
  test(`docker archive: ${what}`, async () => {
    const { tar } = await legacy(change)
    await assert.rejects(readArchive(inPieces(tar), memorySink(), AMD64, CALM), withCode(code))
  })
}

test('what is cut short or no archive at all is refused', async () => {
  const { tar } = await legacy()
  const packed = zlib.gzipSync(tar)
  for (const bytes of [
    tar.subarray(0, 700),
    packed.subarray(0, packed.length - 30),
    Buffer.from('hello'),
    Buffer.alloc(0),
    Buffer.alloc(2048, 'x'),
  ]) {
    await assert.rejects(readArchive(inPieces(bytes), memorySink(), AMD64, CALM), withCode('TSB_ARCHIVE_INVALID'))
  }
})

test('a source that fails, a sink that fails and an abort end the reading as what they are', async () => {
  const { tar } = await legacy()
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    yield tar.subarray(0, 2000)
    throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO', errno: -5, syscall: 'read' })
  }
  await assert.rejects(readArchive(broken(), memorySink(), AMD64, CALM), withCode('TSB_DISK_FAILED'))
  const full = {
    ...memorySink(),
    writeBlob: () => Promise.reject(Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', errno: -28, syscall: 'write' })),
  }
  await assert.rejects(readArchive(inPieces(tar), full, AMD64, CALM), withCode('TSB_DISK_FULL'))
  await assert.rejects(readArchive(inPieces(tar), memorySink(), AMD64, AbortSignal.abort()), withCode('TSB_INTERRUPTED'))
})

/** Files of an OCI layout with these images below one index for several platforms. */
function layoutItems(images: readonly TestImage[], whole: readonly TestImage[] = images): TarItem[] {
  const blob = (bytes: Buffer): TarItem => ({ name: `blobs/sha256/${digestOf(bytes).slice(7)}`, content: bytes })
  const manifests: Descriptor[] = images.map(({ manifest, manifestBytes, manifestDigest, config }) => ({
    mediaType: manifest.mediaType,
    digest: manifestDigest,
    size: manifestBytes.length,
    platform: { os: 'linux', architecture: config.architecture },
  }))
  const inner = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests }))
  const annotations = { 'org.opencontainers.image.ref.name': 'example.test/app:7' }
  const outer = {
    schemaVersion: 2,
    manifests: [{ mediaType: MEDIA_TYPES.ociIndex, digest: digestOf(inner), size: inner.length, annotations }],
  }
  return [
    { name: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' },
    { name: 'index.json', content: JSON.stringify(outer) },
    blob(inner),
    ...whole.flatMap(({ blobs, manifestBytes }) => [manifestBytes, ...blobs.values()].map(blob)),
  ]
}

test('an index inside leads to the image of the platform, though others are absent', async () => {
  const [arm, amd] = [await makeImage({ architecture: 'arm64' }), await makeImage({ architecture: 'amd64' })]
  const tar = await tarOfEntries(layoutItems([arm, amd], [amd]))
  const [image] = await readArchive(inPieces(tar), memorySink(), AMD64, CALM)
  assert.equal(image?.manifestDescriptor.digest, amd.manifestDigest)
  assert.deepEqual(image?.names, ['example.test/app:7'])
  const arm64 = { os: 'linux', architecture: 'arm64' }
  await assert.rejects(readArchive(inPieces(tar), memorySink(), arm64, CALM), withCode('TSB_ARCHIVE_INCOMPLETE'))
  await assert.rejects(
    readArchive(inPieces(tar), memorySink(), { os: 'linux', architecture: 's390x' }, CALM),
    withCode('TSB_ARCHIVE_PLATFORM'),
  )
})

test('blobs of a layout that are damaged, missing or of another size are told apart', async () => {
  const image = await makeImage()
  const layer = image.manifest.layers[0]?.digest.slice(7) ?? ''
  const items = layoutItems([image])
  const cases: readonly (readonly [string, TarItem[]])[] = [
    ['TSB_ARCHIVE_DIGEST', replace(layer, 'damaged')(items)],
    ['TSB_ARCHIVE_INCOMPLETE', without(layer)(items)],
    ['TSB_ARCHIVE_INCOMPLETE', without(image.manifestDigest.slice(7))(items)],
  ]
  for (const [code, changed] of cases) {
    await assert.rejects(readArchive(inPieces(await tarOfEntries(changed)), memorySink(), AMD64, CALM), withCode(code))
    await using place = await scratch()
    for (const item of changed) {
      await mkdir(dirname(join(place.path, item.name)), { recursive: true })
      if ('content' in item) await writeFile(join(place.path, item.name), item.content)
    }
    await assert.rejects(readLayoutDirectory(place.path, memorySink(), AMD64, CALM), withCode(code))
  }
})

test('a layout whose config counts other layers is refused', async () => {
  await using place = await scratch()
  const image = await makeImage({
    files: [
      ['a', '1'],
      ['b', '2'],
    ],
  })
  const named = await namedImage(image, [], place.path)
  const manifest = { ...image.manifest, layers: image.manifest.layers.slice(1) }
  const manifestBytes = Buffer.from(JSON.stringify(manifest))
  const descriptor = { ...named.content.manifestDescriptor, digest: digestOf(manifestBytes), size: manifestBytes.length }
  const other = { ...named, content: { ...named.content, manifestBytes, manifestDescriptor: descriptor } }
  await assert.rejects(
    readArchive(inPieces(await archiveBytes(writeDockerArchive, [other])), memorySink(), AMD64, CALM),
    withCode('TSB_ARCHIVE_INVALID'),
  )
})
