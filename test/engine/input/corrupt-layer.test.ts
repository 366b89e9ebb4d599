import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Manifest } from '../../../core/manifest.ts'
import { imageHandler } from '../../registry/support.ts'
import { startServer } from '../../support/http-server.ts'
import { digestOf, makeImage, type TestImage } from '../../support/images.ts'
import { leftovers } from '../../support/leftovers.ts'
import { openProject } from '../project.ts'
import { storeFaults } from '../store-check.ts'

/** The image with other bytes for its layer, told of in the manifest: only the content is wrong. */
function withLayer(image: TestImage, bytes: Buffer): TestImage {
  const [layer] = image.manifest.layers
  assert.ok(layer)
  const manifest: Manifest = { ...image.manifest, layers: [{ ...layer, digest: digestOf(bytes), size: bytes.length }] }
  const manifestBytes = Buffer.from(JSON.stringify(manifest))
  return {
    ...image,
    manifest,
    manifestBytes,
    manifestDigest: digestOf(manifestBytes),
    blobs: new Map([...image.blobs, [digestOf(bytes), bytes]]),
  }
}

for (const compression of ['gzip', 'none'] as const) {
  test(`a flipped bit is found wherever it is, though the blob has its digest (${compression})`, { timeout: 180_000 }, async (t) => {
    const content = randomBytes(300_000)
    const image = await makeImage({ files: [['f', content]], compression })
    const layer = image.blobs.get(image.manifest.layers[0]?.digest ?? 'sha256:') ?? Buffer.alloc(0)
    await using project = await openProject({})
    const { tsbuild, directory } = project
    const places = [0, 3, 30, 400, 700, layer.length >> 1, layer.length - 1100, layer.length - 6, layer.length - 1]
    for (const place of places) {
      const bytes = Buffer.from(layer)
      bytes[place] = (bytes[place] ?? 0) ^ 4
      await using server = await startServer(imageHandler([withLayer(image, bytes)]))
      project.write({ Dockerfile: `FROM ${server.host}/app:1\nCOPY Dockerfile /\n` })
      const { code, stderr } = await tsbuild.run(['build', '-q', '-o', `type=local,dest=${join(tsbuild.root, 'out')}`, directory])
      t.diagnostic(`byte ${place}: ${stderr.match(/TSB_[A-Z_]+/)?.[0]}`)
      assert.equal(code, 1, `byte ${place}: ${stderr}`)
      assert.match(stderr, /\[TSB_(?:LAYER|IMAGE)_[A-Z_]+\]/)
      assert.equal(stderr.match(/^error/gim)?.length, 1, stderr)
      assert.deepEqual([...(await storeFaults(tsbuild.root)), ...(await leftovers(tsbuild.root))], [], `byte ${place}`)
    }
    await using server = await startServer(imageHandler([image]))
    project.write({ Dockerfile: `FROM ${server.host}/app:1\nCOPY Dockerfile /\n` })
    await tsbuild.must(['build', '-q', '-o', `type=local,dest=${join(tsbuild.root, 'out')}`, directory])
    assert.ok(readFileSync(join(tsbuild.root, 'out/f')).equals(content))
  })
}
