import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { extract } from 'tar-stream'
import type { Digest } from '../core/digest.ts'
import type { Descriptor, ImageConfig, Manifest } from '../core/manifest.ts'
import { compressionOfType } from '../core/media-types.ts'
import { parseDocument, parseImageConfig } from '../registry/documents.ts'
import { invalidArchive } from './archive-errors.ts'
import { unpacker } from './layer-types.ts'
import { blobName } from './layout.ts'

/** Gives a blob's bytes; fails when there is none. */
export type OpenBlob = (descriptor: Descriptor) => AsyncIterable<Uint8Array>

/**
 * Checks an image from its manifest down: sizes and digests of all blobs, diffIDs of all layers, each layer a whole
 * tar, as many history entries with a layer as there are layers. Returns what is wrong, one line each; nothing is
 * good. Never throws for the image's sake.
 */
export async function validateImage(open: OpenBlob, manifest: Descriptor): Promise<readonly string[]> {
  const problems: string[] = []
  const documents = await attempt(problems, manifest, async () => {
    const bytes = await readVerified(open, manifest, problems)
    const document = parseDocument(bytes, manifest.mediaType, invalidArchive)
    if (document.kind !== 'manifest') throw invalidArchive('it is not an image manifest')
    if (document.manifest.mediaType !== manifest.mediaType) throw invalidArchive('its media type is not that of its descriptor')
    const config = parseImageConfig(await readVerified(open, document.manifest.config, problems), invalidArchive)
    return { manifest: document.manifest, config }
  })
  if (documents === undefined) return problems
  checkCounts(documents.manifest, documents.config, problems)
  for (const [index, layer] of documents.manifest.layers.entries()) {
    await attempt(problems, layer, () => checkLayer(open, layer, documents.config.rootfs.diff_ids[index], problems))
  }
  return problems
}

/** Checks all images of an OCI layout directory (image-layout.md). Returns what is wrong, one line each. */
export async function validateLayout(directory: string): Promise<readonly string[]> {
  const open: OpenBlob = (descriptor) => createReadStream(join(directory, blobName(descriptor)))
  const problems: string[] = []
  try {
    const { imageLayoutVersion } = JSON.parse(await readFile(join(directory, 'oci-layout'), 'utf8'))
    if (imageLayoutVersion !== '1.0.0') problems.push(`oci-layout: version is \`${imageLayoutVersion}\``)
    const document = parseDocument(await readFile(join(directory, 'index.json')), undefined, invalidArchive)
    if (document.kind !== 'index') return [...problems, 'index.json: not an index']
    if (document.index.manifests.length === 0) problems.push('index.json: no image')
    for (const manifest of document.index.manifests) problems.push(...(await validateImage(open, manifest)))
  } catch (error) {
    problems.push(`${directory}: ${messageOf(error)}`)
  }
  return problems
}

function checkCounts(manifest: Manifest, config: ImageConfig, problems: string[]): void {
  const diffIds = config.rootfs.diff_ids.length
  if (manifest.layers.length !== diffIds) problems.push(`${manifest.layers.length} layers, but ${diffIds} diffIDs`)
  if (config.history === undefined) return
  const withLayer = config.history.filter((entry) => entry.empty_layer !== true).length
  if (withLayer !== diffIds) problems.push(`${diffIds} diffIDs, but ${withLayer} history entries with a layer`)
}

/** One pass: the blob's digest before unpacking, the diffID and the tar's form after. */
async function checkLayer(open: OpenBlob, layer: Descriptor, diffId: Digest | undefined, problems: string[]): Promise<void> {
  const compression = compressionOfType(layer.mediaType)
  if (compression === undefined) throw invalidArchive(`\`${layer.mediaType}\` is not the media type of a layer`)
  const blobHash = createHash('sha256')
  const tarHash = createHash('sha256')
  let size = 0
  const packed = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of open(layer)) {
      blobHash.update(chunk)
      size += chunk.byteLength
      yield chunk
    }
  }
  const entries = extract()
  entries.on('entry', (_header, stream, next) => {
    stream.on('end', next)
    stream.resume()
  })
  const plain = new PassThrough()
  plain.on('data', (chunk: Buffer) => tarHash.update(chunk))
  const stages: Transform[] = [unpacker(compression), plain].filter((stage) => stage !== undefined)
  await pipeline([Readable.from(packed()), ...stages, entries])
  checkDigest(layer, size, `sha256:${blobHash.digest('hex')}`, problems)
  const found = `sha256:${tarHash.digest('hex')}`
  if (found !== diffId) problems.push(`${layer.digest}: diffID is ${found} where the config says ${diffId ?? 'nothing'}`)
}

async function readVerified(open: OpenBlob, descriptor: Descriptor, problems: string[]): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of open(descriptor)) chunks.push(chunk)
  const bytes = Buffer.concat(chunks)
  checkDigest(descriptor, bytes.byteLength, `sha256:${createHash('sha256').update(bytes).digest('hex')}`, problems)
  return bytes
}

function checkDigest(descriptor: Descriptor, size: number, digest: string, problems: string[]): void {
  if (size !== descriptor.size) problems.push(`${descriptor.digest}: ${size} bytes where its descriptor says ${descriptor.size}`)
  if (digest !== descriptor.digest) problems.push(`${descriptor.digest}: digest is ${digest}`)
}

async function attempt<T>(problems: string[], descriptor: Descriptor, check: () => Promise<T>): Promise<T | undefined> {
  try {
    return await check()
  } catch (error) {
    problems.push(`${descriptor.digest}: ${messageOf(error)}`)
    return undefined
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
