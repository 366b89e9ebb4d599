import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createGzip } from 'node:zlib'
import type { Digest } from '../../core/digest.ts'
import type { ContainerConfig, Descriptor, ImageConfig, Manifest } from '../../core/manifest.ts'
import { MEDIA_TYPES } from '../../core/media-types.ts'

export interface LayerImage {
  /** Host and port of a registry that speaks plain HTTP. */
  readonly host: string
  readonly repository: string
  readonly tag: string
  /** The only layer, gzip or plain tar. */
  readonly file: string
  readonly config: ContainerConfig
  readonly created: string
}

/**
 * Puts an image of one layer into a registry by plain requests (distribution spec "Pushing"),
 * so that tests of pulling do not rest on our own client. @returns its reference
 */
export async function pushLayerImage(image: LayerImage): Promise<string> {
  const base = `http://${image.host}/v2/${image.repository}`
  const blob = await readFile(image.file)
  const config: ImageConfig = {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    created: image.created,
    config: image.config,
    rootfs: { type: 'layers', diff_ids: [await diffId(image.file, blob)] },
    history: [{ created: image.created, created_by: 'test base' }],
  }
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    config: await upload(base, MEDIA_TYPES.ociConfig, Buffer.from(JSON.stringify(config))),
    layers: [await upload(base, isGzip(blob) ? MEDIA_TYPES.ociLayerGzip : MEDIA_TYPES.ociLayer, blob)],
  }
  await put(`${base}/manifests/${image.tag}`, manifest.mediaType, Buffer.from(JSON.stringify(manifest)))
  return `${image.host}/${image.repository}:${image.tag}`
}

/** Packs a tar as a layer blob, quickly rather than small. */
export async function gzipFile(source: string, destination: string): Promise<void> {
  const { createWriteStream } = await import('node:fs')
  const { pipeline } = await import('node:stream/promises')
  await pipeline(createReadStream(source), createGzip({ level: 1 }), createWriteStream(destination))
}

async function upload(base: string, mediaType: string, bytes: Buffer): Promise<Descriptor> {
  const digest = hashed(createHash('sha256').update(bytes))
  const started = await fetch(`${base}/blobs/uploads/`, { method: 'POST' })
  const location = new URL(started.headers.get('location') ?? '', base)
  location.searchParams.set('digest', digest)
  await put(location.href, 'application/octet-stream', bytes)
  return { mediaType, digest, size: bytes.length }
}

async function put(url: string, type: string, body: Buffer): Promise<void> {
  const response = await fetch(url, { method: 'PUT', headers: { 'content-type': type }, body: new Uint8Array(body) })
  if (response.status !== 201) throw new Error(`PUT ${url}: ${response.status} ${await response.text()}`)
}

async function diffId(file: string, blob: Buffer): Promise<Digest> {
  const hash = createHash('sha256')
  if (!isGzip(blob)) return hashed(hash.update(blob))
  const { createGunzip } = await import('node:zlib')
  for await (const chunk of createReadStream(file).pipe(createGunzip())) hash.update(chunk)
  return hashed(hash)
}

function isGzip(blob: Buffer): boolean {
  return blob[0] === 0x1f && blob[1] === 0x8b
}

function hashed(hash: Hash): Digest {
  return `sha256:${hash.digest('hex')}`
}
