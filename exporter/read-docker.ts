import type { Digest } from '../core/digest.ts'
import { isDigest } from '../core/digest.ts'
import type { Descriptor, ImageConfig } from '../core/manifest.ts'
import { layerType, MEDIA_TYPES } from '../core/media-types.ts'
import { parseImageConfig } from '../registry/documents.ts'
import { type ArchiveAccess, METADATA_BYTES, type ReadImage } from './archive-access.ts'
import { archiveDigestError, invalidArchive, missingInArchive } from './archive-errors.ts'
import { assembleManifest } from './assemble.ts'
import { compressionOfBytes } from './layer-types.ts'
import { canonicalNames } from './read-layout.ts'
import { cleanName, writeChecked } from './unpack-archive.ts'

interface DockerEntry {
  readonly config: string
  readonly names: readonly string[]
  readonly layers: readonly string[]
}

/**
 * Reads the `manifest.json` of a docker archive (`docker save` before 25, `podman save`, `skopeo copy
 * docker-archive:`): it names files, not digests, so a manifest is made for each image. A plain layer is checked
 * against its diffID here; a packed one when it is unpacked.
 */
export async function readDockerManifest(archive: ArchiveAccess): Promise<readonly ReadImage[]> {
  const entries = parseEntries(await archive.document('manifest.json'))
  const images: ReadImage[] = []
  for (const entry of entries) images.push(await readEntry(archive, entry))
  return images
}

async function readEntry(archive: ArchiveAccess, entry: DockerEntry): Promise<ReadImage> {
  const { bytes: configBytes, digest } = await readConfig(archive, entry.config)
  const config = parseImageConfig(configBytes, (why) => invalidArchive(`\`${entry.config}\`: ${why}`))
  const layers = await readLayers(archive, entry, config)
  const manifest = assembleManifest({ mediaType: MEDIA_TYPES.ociConfig, digest, size: configBytes.byteLength }, layers, 'oci')
  await archive.sink.writeBlob(manifest.descriptor.digest, once(manifest.bytes))
  return {
    names: canonicalNames(entry.names),
    manifestDescriptor: manifest.descriptor,
    manifestBytes: manifest.bytes,
    manifest: manifest.value,
    configBytes,
    config,
  }
}

async function readConfig(archive: ArchiveAccess, name: string): Promise<{ bytes: Uint8Array; digest: Digest }> {
  const document = await archive.document(name)
  if (document === undefined) {
    const file = await archive.file(name)
    if (file === undefined) throw missingInArchive(name)
    if (file.size > METADATA_BYTES) throw invalidArchive(`\`${name}\` is too large for a config`)
    return { bytes: await archive.sink.readBlob(file.digest), digest: file.digest }
  }
  const named = `sha256:${name.replace(/\.json$/, '')}`
  const { digest } = await writeChecked(name, isDigest(named) ? named : undefined, once(document), archive.sink)
  return { bytes: document, digest }
}

async function readLayers(archive: ArchiveAccess, entry: DockerEntry, config: ImageConfig): Promise<readonly Descriptor[]> {
  const diffIds = config.rootfs.diff_ids
  if (diffIds.length !== entry.layers.length) {
    throw invalidArchive(`an image has ${entry.layers.length} layers where its config says ${diffIds.length}`)
  }
  const layers: Descriptor[] = []
  for (const [index, name] of entry.layers.entries()) {
    const file = await archive.file(name)
    if (file === undefined) throw missingInArchive(name)
    const compression = compressionOfBytes(file.head)
    const diffId = diffIds[index]
    if (compression === 'none' && diffId !== undefined && file.digest !== diffId) throw archiveDigestError(name, diffId, file.digest)
    layers.push({ mediaType: layerType(compression), digest: file.digest, size: file.size })
  }
  return layers
}

function parseEntries(bytes: Uint8Array | undefined): readonly DockerEntry[] {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes ?? []).toString('utf8'))
  } catch {
    throw invalidArchive('`manifest.json` is not JSON')
  }
  if (!Array.isArray(value) || value.length === 0) throw invalidArchive('`manifest.json` lists no image')
  return value.map((entry: unknown) => {
    const { Config, RepoTags, Layers } = (typeof entry === 'object' && entry !== null ? entry : {}) as Record<string, unknown>
    if (typeof Config !== 'string' || !isTexts(Layers ?? []) || !isTexts(RepoTags ?? []))
      throw invalidArchive('`manifest.json` is malformed')
    return { config: cleanName(Config), names: texts(RepoTags), layers: texts(Layers).map(cleanName) }
  })
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

function texts(value: unknown): readonly string[] {
  return isTexts(value) ? value : []
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes
}
