import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { pack } from 'tar-stream'
import type { Digest } from '../../core/digest.ts'
import { TsbError } from '../../core/error.ts'
import type { NamedImage } from '../../exporter/types.ts'
import type { BlobSink } from '../../exporter/unpack-archive.ts'
import { loadNative } from '../../native/index.ts'
import type { Native, OutputFile } from '../../native/types.ts'
import type { TestImage } from '../support/images.ts'

export const CALM: AbortSignal = new AbortController().signal
export const AMD64 = { os: 'linux', architecture: 'amd64' } as const

/** A directory that goes when the test ends. */
export async function scratch(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'tsbuild-exporter-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** A test image as an exporter wants it, its layers in files below `directory`. */
export async function namedImage(image: TestImage, names: readonly string[], directory: string): Promise<NamedImage> {
  const layers = image.manifest.layers.map((descriptor) => ({
    descriptor,
    path: join(directory, descriptor.digest.slice(7)),
    verified: false,
  }))
  for (const { descriptor, path } of layers) await writeFile(path, image.blobs.get(descriptor.digest) ?? '')
  const { config, configBytes, manifestBytes, manifest, manifestDigest } = image
  const manifestDescriptor = { mediaType: manifest.mediaType, digest: manifestDigest, size: manifestBytes.length }
  return { names, content: { config, configBytes, configDescriptor: manifest.config, manifestBytes, manifestDescriptor, layers } }
}

/** The bytes that `write` puts into an archive. */
export async function archiveBytes(
  write: (native: Native, images: readonly NamedImage[], output: OutputFile, signal: AbortSignal) => Promise<void>,
  images: readonly NamedImage[],
): Promise<Buffer> {
  await using place = await scratch()
  const path = join(place.path, 'archive.tar')
  await write(loadNative(), images, { path }, CALM)
  return readFile(path)
}

export interface MemorySink extends BlobSink {
  readonly blobs: ReadonlyMap<Digest, Buffer>
}

/** A sink that behaves as the store's blobs do. */
export function memorySink(): MemorySink {
  const blobs = new Map<Digest, Buffer>()
  return {
    blobs,
    async writeBlob(expected, stream) {
      const bytes = Buffer.concat(await collectChunks(stream))
      const digest: Digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
      if (expected !== undefined && expected !== digest) throw new TsbError('TSB_BLOB_DIGEST', 'other content', { fault: 'input' })
      blobs.set(digest, bytes)
      return { digest, size: bytes.length }
    },
    async readBlob(digest) {
      return blobs.get(digest) ?? Buffer.alloc(0)
    },
  }
}

/** What a tar may hold for `tarOfEntries`. */
export type TarItem =
  | { readonly name: string; readonly content: string | Uint8Array }
  | { readonly name: string; readonly symlink: string }
  | { readonly name: string; readonly hardlink: string }

/** A tar with exactly these entries. */
export async function tarOfEntries(items: readonly TarItem[]): Promise<Buffer> {
  const archive = pack()
  for (const item of items) {
    if ('content' in item) archive.entry({ name: item.name }, Buffer.from(item.content))
    else if ('symlink' in item) archive.entry({ name: item.name, type: 'symlink', linkname: item.symlink })
    else archive.entry({ name: item.name, type: 'link', linkname: item.hardlink })
  }
  archive.finalize()
  return buffer(archive)
}

/** Some bytes as a stream of small chunks. */
export async function* inPieces(bytes: Uint8Array, size = 700): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size)
}

/** For `assert.rejects`: a TsbError with this code. */
export function withCode(code: string): (error: unknown) => boolean {
  return (error) => {
    if (typeof error === 'object' && error !== null && 'code' in error && error.code === code) return true
    throw error
  }
}

async function collectChunks(stream: AsyncIterable<Uint8Array>): Promise<readonly Uint8Array[]> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return chunks
}
