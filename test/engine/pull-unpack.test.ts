import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import type { Digest } from '../../core/digest.ts'
import { MEDIA_TYPES } from '../../core/media-types.ts'
import { imageHandler } from '../registry/support.ts'
import { type Handler, startServer } from '../support/http-server.ts'
import { digestOf, makeImage, type TestImage, tarOf } from '../support/images.ts'
import { leftovers } from '../support/leftovers.ts'
import type { Finished } from '../support/process.ts'
import { openTsbuild, type Tsbuild } from '../support/tsbuild.ts'
import { storeFaults } from './store-check.ts'

// Layers larger than what a download hands on at once, so that they are unpacked while they come in.

const skip = process.getuid?.() !== 0 && 'needs root'

/** More than one piece of a download, and does not compress. */
const LARGE = 3_000_000

interface Puller extends AsyncDisposable {
  readonly tsbuild: Tsbuild
  /** The root of the image at `reference`, as files. */
  readonly output: string
  pull(reference: string): Promise<Finished>
  directory(reference: string): string
}

async function openPuller(): Promise<Puller> {
  const tsbuild = await openTsbuild()
  const parent = mkdtempSync(join(tmpdir(), 'tsbuild-unpack-'))
  const [context, output] = [join(parent, 'context'), join(parent, 'root')]
  const directory = (reference: string): string => {
    mkdirSync(context, { recursive: true })
    writeFileSync(join(context, 'Dockerfile'), `FROM ${reference}\nCOPY Dockerfile /d\n`)
    return context
  }
  return {
    tsbuild,
    output,
    directory,
    pull: (reference) => tsbuild.run(['build', '--progress', 'plain', '-o', `type=local,dest=${output}`, directory(reference)]),
    [Symbol.asyncDispose]: async () => {
      rmSync(parent, { recursive: true, force: true })
      await tsbuild[Symbol.asyncDispose]()
    },
  }
}

/** What is asked of the large layer is answered by `onLayer`, everything else as it should be. */
function withLarge(image: TestImage, onLayer: (bytes: Buffer, response: ServerResponse, from: number) => void): Handler {
  const serve = imageHandler([image])
  return (request, response) => {
    const bytes = image.blobs.get(request.url.slice('/v2/app/blobs/'.length) as Digest)
    if (bytes === undefined || bytes.length < LARGE) return serve(request, response)
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
    response.writeHead(from === 0 ? 200 : 206, {
      'content-length': bytes.length - from,
      ...(from === 0 ? {} : { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
    })
    onLayer(bytes, response, from)
  }
}

function image(): Promise<TestImage> {
  return makeImage({
    files: [
      ['large', randomBytes(LARGE)],
      ['small', 'of another layer'],
    ],
  })
}

function blobsIn(root: string): readonly string[] {
  return readdirSync(join(root, 'oci', 'blobs', 'sha256')).sort()
}

async function assertNothingLeft({ tsbuild }: Puller, without: readonly Digest[]): Promise<void> {
  assert.deepEqual(await leftovers(tsbuild.root), [])
  assert.deepEqual(await storeFaults(tsbuild.root), [])
  const kept = blobsIn(tsbuild.root)
  assert.deepEqual(
    without.filter((digest) => kept.includes(digest.slice('sha256:'.length))),
    [],
  )
}

test('a layer is unpacked while the rest of it is still to come', { skip, timeout: 60_000 }, async () => {
  const served = await image()
  await using puller = await openPuller()
  const unpacked = (): boolean =>
    readdirSync(join(puller.tsbuild.root, 'work'), { recursive: true, withFileTypes: true }).some(
      (entry) => entry.name === 'large' && statSync(join(entry.parentPath, entry.name)).size > 1_000_000,
    )
  let overlapped = false
  await using server = await startServer(
    withLarge(served, (bytes, response) => {
      response.write(bytes.subarray(0, 2_000_000))
      // The rest is only sent once what came before it is a file.
      const look = setInterval(() => {
        if (!unpacked()) return
        overlapped = true
        clearInterval(look)
        response.end(bytes.subarray(2_000_000))
      }, 10)
      response.once('close', () => clearInterval(look))
    }),
  )
  const { code, stderr } = await puller.pull(`${server.host}/app:1`)
  assert.equal(code, 0, stderr)
  assert.equal(overlapped, true)
  assert.equal(statSync(join(puller.output, 'large')).size, LARGE)
  assert.deepEqual(await storeFaults(puller.tsbuild.root), [])
})

test('a connection that breaks in the middle is taken up where it broke', { skip }, async () => {
  const served = await image()
  const asked: number[] = []
  await using server = await startServer(
    withLarge(served, (bytes, response, from) => {
      asked.push(from)
      if (from > 0) return void response.end(bytes.subarray(from))
      response.write(bytes.subarray(0, 1_700_000), () => setTimeout(() => response.destroy(), 20))
    }),
  )
  await using puller = await openPuller()
  const { code, stderr } = await puller.pull(`${server.host}/app:1`)
  assert.equal(code, 0, stderr)
  assert.ok(asked.length === 2 && (asked[1] ?? 0) > 0, asked.join())
  assert.equal(readFileSync(join(puller.output, 'small'), 'utf8'), 'of another layer')
  await assertNothingLeft(puller, [])
})

test('a wrong byte in the middle, and a download that stops for good, leave neither blob nor files', { skip }, async () => {
  const served = await image()
  const large = served.manifest.layers[0]?.digest as Digest
  const faults: readonly (readonly [string, Handler])[] = [
    [
      'TSB_REGISTRY_DIGEST',
      withLarge(served, (bytes, response) => {
        const wrong = Buffer.from(bytes)
        wrong[1_500_000] = (wrong[1_500_000] ?? 0) ^ 1
        response.end(wrong)
      }),
    ],
    // Broken compression alone would stop the unpacking long before the digest is known: the digest is the reason.
    [
      'TSB_REGISTRY_DIGEST',
      withLarge(
        served,
        (bytes, response) => void response.end(Buffer.concat([bytes.subarray(0, 600_000), Buffer.alloc(bytes.length - 600_000)])),
      ),
    ],
    [
      'TSB_REGISTRY_UNREACHABLE',
      withLarge(served, (bytes, response, from) => {
        response.write(bytes.subarray(from, from === 0 ? 1_500_000 : from), () => setTimeout(() => response.destroy(), 20))
      }),
    ],
  ]
  for (const [code, handler] of faults) {
    await using server = await startServer(handler)
    await using puller = await openPuller()
    const finished = await puller.pull(`${server.host}/app:1`)
    assert.equal(finished.code, 4, finished.stderr)
    assert.equal(finished.stderr.match(/TSB_[A-Z_]+/g)?.join(), code, finished.stderr)
    await assertNothingLeft(puller, [large])
    assert.equal(existsSync(join(puller.tsbuild.root, 'layers')) && readdirSync(join(puller.tsbuild.root, 'layers')).length, 0)
  }
})

test('a layer with the right digest that is no layer from its middle on leaves no files', { skip }, async () => {
  const good = await tarOf('large', randomBytes(LARGE))
  const tar = Buffer.concat([good.subarray(0, good.length - 1024), Buffer.alloc(512, 'x'), randomBytes(LARGE)])
  const blob = gzipSync(tar)
  const from = await image()
  const layer = { mediaType: MEDIA_TYPES.ociLayerGzip, digest: digestOf(blob), size: blob.length }
  const configBytes = Buffer.from(JSON.stringify({ ...from.config, rootfs: { type: 'layers', diff_ids: [digestOf(tar)] }, history: [] }))
  const config = { mediaType: MEDIA_TYPES.ociConfig, digest: digestOf(configBytes), size: configBytes.length }
  const manifest = { ...from.manifest, config, layers: [layer] }
  const manifestBytes = Buffer.from(JSON.stringify(manifest))
  const blobs = new Map([
    [layer.digest, blob],
    [config.digest, configBytes],
  ])
  const served = { ...from, configBytes, manifest, manifestBytes, manifestDigest: digestOf(manifestBytes), blobs }
  await using server = await startServer(imageHandler([served]))
  await using puller = await openPuller()
  const finished = await puller.pull(`${server.host}/app:1`)
  assert.equal(finished.code, 1, finished.stderr)
  assert.equal(finished.stderr.match(/TSB_[A-Z_]+/g)?.join(), 'TSB_LAYER_INVALID', finished.stderr)
  await assertNothingLeft(puller, [])
  assert.deepEqual(readdirSync(join(puller.tsbuild.root, 'layers')), [])
})

test('Ctrl-C while a layer is unpacked as it comes in leaves nothing, and the next build succeeds', { skip, timeout: 60_000 }, async () => {
  const served = await image()
  let handler = withLarge(served, (bytes, response) => void response.write(bytes.subarray(0, 2_000_000)))
  let stalled = false
  await using server = await startServer((request, response) => {
    stalled ||= request.url.endsWith(served.manifest.layers[0]?.digest ?? '')
    handler(request, response)
  })
  await using puller = await openPuller()
  const child = puller.tsbuild.start(['build', '-o', `type=local,dest=${puller.output}`, puller.directory(`${server.host}/app:1`)])
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  while (!stalled) await sleep(20)
  await sleep(400)
  const began = performance.now()
  child.kill('SIGINT')
  assert.equal(await exited, 130)
  assert.ok(performance.now() - began < 2000)
  await assertNothingLeft(puller, [served.manifest.layers[0]?.digest as Digest])
  handler = imageHandler([served])
  const { code, stderr } = await puller.pull(`${server.host}/app:1`)
  assert.equal(code, 0, stderr)
  await assertNothingLeft(puller, [])
})
