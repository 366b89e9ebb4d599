import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Descriptor } from '../../core/manifest.ts'
import { MEDIA_TYPES } from '../../core/media-types.ts'
import { writeOciDirectory } from '../../exporter/oci.ts'
import { validateImage, validateLayout } from '../../exporter/validate.ts'
import { digestOf, makeImage, type TestImage, tarOf } from '../support/images.ts'
import { CALM, namedImage, scratch } from './support.ts'

/** The problems of an image whose documents are changed, each with digests that are right for it. */
async function problemsOf(image: TestImage, change: { config?: object; manifest?: object; layer?: Buffer }): Promise<readonly string[]> {
  const blobs = new Map<string, Buffer>([...image.blobs])
  const put = (mediaType: string, bytes: Buffer): Descriptor => {
    blobs.set(digestOf(bytes), bytes)
    return { mediaType, digest: digestOf(bytes), size: bytes.length }
  }
  const config = put(MEDIA_TYPES.ociConfig, Buffer.from(JSON.stringify({ ...image.config, ...change.config })))
  const layers = change.layer === undefined ? image.manifest.layers : [put(MEDIA_TYPES.ociLayerGzip, change.layer)]
  const manifest = put(MEDIA_TYPES.ociManifest, Buffer.from(JSON.stringify({ ...image.manifest, config, layers, ...change.manifest })))
  return validateImage(async function* (descriptor) {
    const bytes = blobs.get(descriptor.digest)
    if (bytes === undefined) throw new Error('no such blob')
    yield bytes
  }, manifest)
}

test('a sound image has no problems', async () => {
  for (const compression of ['gzip', 'none'] as const) {
    assert.deepEqual(
      await problemsOf(
        await makeImage({
          compression,
          files: [
            ['a', '1'],
            ['b', '2'],
          ],
        }),
        {},
      ),
      [],
    )
  }
})

test('each kind of unsoundness is found', async () => {
  const image = await makeImage()
  const layer = image.manifest.layers[0]
  assert.ok(layer)
  const tar = await tarOf('other', 'x')
  const cases: readonly (readonly [RegExp, Parameters<typeof problemsOf>[1]])[] = [
    [/diffID is/, { config: { rootfs: { type: 'layers', diff_ids: [digestOf('no')] } } }],
    [/1 layers, but 2 diffIDs/, { config: { rootfs: { type: 'layers', diff_ids: [...image.config.rootfs.diff_ids, digestOf('no')] } } }],
    [/1 diffIDs, but 0 history/, { config: { history: [{ empty_layer: true }] } }],
    [/bytes where its descriptor says/, { manifest: { layers: [{ ...layer, size: layer.size + 1 }] } }],
    [/no such blob/, { manifest: { layers: [{ ...layer, digest: digestOf('no') }] } }],
    [/not the media type of a layer/, { manifest: { layers: [{ ...layer, mediaType: 'text/plain' }] } }],
    [/media type/, { manifest: { mediaType: MEDIA_TYPES.dockerManifest } }],
    [/diffID is/, { layer: gzipSync(tar) }],
    [/./, { layer: gzipSync(tar.subarray(0, 600)), config: { rootfs: { type: 'layers', diff_ids: [digestOf(tar.subarray(0, 600))] } } }],
    [/./, { layer: gzipSync(tar).subarray(0, 60) }],
    [/architecture/, { config: { architecture: undefined } }],
  ]
  for (const [expected, change] of cases) {
    const problems = await problemsOf(image, change)
    assert.ok(
      problems.some((problem) => expected.test(problem)),
      `${expected} in ${JSON.stringify(problems)}`,
    )
  }
})

test('a layout with a flipped byte is found out', async () => {
  await using place = await scratch()
  const image = await makeImage()
  const target = join(place.path, 'layout')
  await writeOciDirectory([await namedImage(image, [], place.path)], target, CALM)
  assert.deepEqual(await validateLayout(target), [])
  await writeFile(
    join(target, 'blobs/sha256', image.manifest.config.digest.slice(7)),
    image.configBytes.toString().replace('linux', 'linuy'),
  )
  assert.notDeepEqual(await validateLayout(target), [])
  assert.notDeepEqual(await validateLayout(place.path), [])
})
