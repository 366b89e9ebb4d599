import type { Digest } from '../core/digest.ts'
import { TsbError } from '../core/error.ts'
import type { Descriptor, Manifest } from '../core/manifest.ts'
import type { Compression } from '../core/media-types.ts'
import { MEDIA_TYPES } from '../core/media-types.ts'
import { assembleManifest } from '../exporter/assemble.ts'
import type { ImageContent } from '../exporter/types.ts'
import { layerBlob } from '../snapshotter/blob.ts'
import { configOf, manifestOf, type StoredImage } from '../store/images.ts'
import { publishRoot, sha256Of } from './image-root.ts'
import type { Session } from './session.ts'

/**
 * An image of the store with all its blobs on disk: layers that exist only as snapshots are packed now.
 * An image that came with a manifest keeps it, and its blobs, byte for byte.
 * @throws TsbError `TSB_REGISTRY_*` when blobs of a pulled image must be fetched and cannot
 */
export async function imageContent(session: Session, id: Digest, signal: AbortSignal): Promise<ImageContent> {
  const image = session.store.images.get(id)
  if (image === undefined) throw new TsbError('TSB_IMAGE_UNKNOWN', `no image \`${id}\` in the store`, { fault: 'input' })
  const { manifest, manifestBytes } = (await existingManifest(session, image)) ?? (await packedManifest(session, image, signal))
  const { blobs } = session.store
  return {
    config: configOf(image),
    configBytes: image.configBytes,
    configDescriptor: manifest.config,
    manifestBytes,
    manifestDescriptor: { mediaType: manifest.mediaType, digest: sha256Of(manifestBytes), size: manifestBytes.byteLength },
    layers: manifest.layers.map((descriptor) => ({ descriptor, path: blobs.path(descriptor.digest) })),
  }
}

interface EncodedManifest {
  readonly manifest: Manifest
  readonly manifestBytes: Uint8Array
}

async function existingManifest(session: Session, image: StoredImage): Promise<EncodedManifest | undefined> {
  const manifest = manifestOf(image)
  if (manifest === undefined || image.manifestBytes === undefined) return undefined
  const complete = manifest.layers.every((layer) => session.store.blobs.has(layer.digest))
  return complete ? { manifest, manifestBytes: image.manifestBytes } : undefined
}

/** Packs the layers, stores the documents as blobs, and lists the image in the layout's index.json. */
async function packedManifest(session: Session, image: StoredImage, signal: AbortSignal): Promise<EncodedManifest> {
  const { store } = session
  await store.prepare()
  const snapshot = await publishRoot(session, image.id, signal)
  const layers: Descriptor[] = []
  for (const layer of snapshot.layers) {
    signal.throwIfAborted()
    layers.push(await layerBlob(session.snapshotter, layer, baseCompression(session, layer), signal))
  }
  const config: Descriptor = { mediaType: MEDIA_TYPES.ociConfig, digest: image.id, size: image.configBytes.byteLength }
  const { value: manifest, bytes: manifestBytes } = assembleManifest(config, layers, 'oci')
  await store.blobs.write([image.configBytes], image.id)
  await store.blobs.write([manifestBytes])
  store.images.put({ ...image, manifestBytes })
  store.writeIndex()
  return { manifest, manifestBytes }
}

/** The packed form that a base's layer came in is kept; what we built is packed with gzip, which everybody reads. */
function baseCompression(session: Session, layer: string): Compression {
  const diffId = session.store.layers.get(layer)?.diffId
  const has = (compression: Compression): boolean => {
    const blob = diffId === undefined ? undefined : session.store.layers.blob(diffId, compression)
    return blob !== undefined && session.store.blobs.has(blob.digest)
  }
  return (['gzip', 'zstd', 'none'] as const).find(has) ?? 'gzip'
}
