import { createHash } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import type { Digest } from '../../core/digest.ts'
import type { Descriptor, ImageConfig, Manifest } from '../../core/manifest.ts'
import { MEDIA_TYPES } from '../../core/media-types.ts'

/** A small valid image, all in memory. */
export interface TestImage {
  readonly config: ImageConfig
  readonly configBytes: Buffer
  readonly manifest: Manifest
  readonly manifestBytes: Buffer
  readonly manifestDigest: Digest
  /** Config and layers by digest. */
  readonly blobs: ReadonlyMap<Digest, Buffer>
}

export interface TestImageOptions {
  readonly architecture?: string
  readonly variant?: string
  /** One layer for each: a file `name` with this content. */
  readonly files?: readonly (readonly [name: string, content: string | Buffer])[]
  readonly compression?: 'gzip' | 'none'
}

/** SHA-256 of some bytes, as a digest. */
export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** Makes an image that the validator accepts. */
export async function makeImage(options: TestImageOptions = {}): Promise<TestImage> {
  const blobs = new Map<Digest, Buffer>()
  const add = (mediaType: string, bytes: Buffer): Descriptor => {
    blobs.set(digestOf(bytes), bytes)
    return { mediaType, digest: digestOf(bytes), size: bytes.length }
  }
  const tars = await Promise.all((options.files ?? [['hello', 'world\n']]).map(([name, content]) => tarOf(name, content)))
  const gzip = options.compression !== 'none'
  const layers = tars.map((tar) => add(gzip ? MEDIA_TYPES.ociLayerGzip : MEDIA_TYPES.ociLayer, gzip ? gzipSync(tar) : tar))
  const config: ImageConfig = {
    architecture: options.architecture ?? 'amd64',
    ...(options.variant === undefined ? {} : { variant: options.variant }),
    os: 'linux',
    created: '2024-01-02T03:04:05Z',
    config: { Env: ['PATH=/bin'], Cmd: ['/hello'] },
    rootfs: { type: 'layers', diff_ids: tars.map(digestOf) },
    history: tars.map((_, index) => ({ created: '2024-01-02T03:04:05Z', created_by: `layer ${index}` })),
  }
  const configBytes = Buffer.from(JSON.stringify(config))
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    config: add(MEDIA_TYPES.ociConfig, configBytes),
    layers,
  }
  const manifestBytes = Buffer.from(JSON.stringify(manifest))
  return { config, configBytes, manifest, manifestBytes, manifestDigest: digestOf(manifestBytes), blobs }
}

/** A tar of one file. */
export async function tarOf(name: string, content: string | Buffer): Promise<Buffer> {
  const archive = pack()
  archive.entry({ name, mode: 0o644, mtime: new Date(0) }, Buffer.from(content))
  archive.finalize()
  return buffer(archive)
}

/** All of a stream. */
export async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}
