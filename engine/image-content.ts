import { type Digest, sha256Digest } from '../core/digest.ts'
import { isTsbError, TsbError } from '../core/error.ts'
import type { Descriptor, Manifest } from '../core/manifest.ts'
import type { Compression } from '../core/media-types.ts'
import { MEDIA_TYPES } from '../core/media-types.ts'
import { assembleManifest } from '../exporter/assemble.ts'
import type { ImageContent } from '../exporter/types.ts'
import { layerBlob } from '../snapshotter/blob.ts'
import { configOf, manifestOf, type StoredImage } from '../store/images.ts'
import type { LayerBlob } from '../store/layers.ts'
import { fetchBlob, publishRoot } from './image-root.ts'
import type { Session } from './session.ts'

/**
 * An image of the store with all its blobs on disk: layers that exist only as snapshots are packed now.
 * An image that came with a manifest keeps it, and its blobs, byte for byte.
 * @throws TsbError `TSB_REGISTRY_*` when blobs of a pulled image must be fetched and cannot
 */
export async function imageContent(session: Session, id: Digest, signal: AbortSignal): Promise<ImageContent> {
  const image = session.store.images.get(id)
  if (image === undefined) throw new TsbError('TSB_IMAGE_UNKNOWN', `no image \`${id}\` in the store`, { fault: 'input' })
  const { manifest, manifestBytes } = (await existingManifest(session, image, signal)) ?? (await packedManifest(session, image, signal))
  const { blobs } = session.store
  return {
    config: configOf(image),
    configBytes: image.configBytes,
    configDescriptor: manifest.config,
    manifestBytes,
    manifestDescriptor: { mediaType: manifest.mediaType, digest: sha256Digest(manifestBytes), size: manifestBytes.byteLength },
    layers: manifest.layers.map((descriptor) => ({ descriptor, path: blobs.path(descriptor.digest) })),
  }
}

/**
 * Sends images somewhere with `send`. Where it finds a blob damaged, the damaged ones are removed, so that the next
 * command makes or fetches them again.
 */
export async function sendContents<T>(session: Session, contents: readonly ImageContent[], send: () => Promise<T>): Promise<T> {
  try {
    return await send()
  } catch (error) {
    if (isTsbError(error) && error.code === 'TSB_BLOB_DIGEST') {
      const blobs = contents.flatMap(({ configDescriptor, layers }) => [configDescriptor, ...layers.map(({ descriptor }) => descriptor)])
      await Promise.all(blobs.map(({ digest }) => session.store.blobs.removeDamaged(digest)))
    }
    throw error
  }
}

interface EncodedManifest {
  readonly manifest: Manifest
  readonly manifestBytes: Uint8Array
}

/** The manifest that the image came with. Blobs that the store lacks (never needed yet, or found damaged) are fetched now. */
async function existingManifest(session: Session, image: StoredImage, signal: AbortSignal): Promise<EncodedManifest | undefined> {
  const { store } = session
  const manifest = manifestOf(image)
  if (manifest === undefined || image.manifestBytes === undefined) return undefined
  const missing = manifest.layers.filter((layer) => !store.blobs.has(layer.digest))
  if (missing.length > 0 && image.reference === undefined) return undefined
  await Promise.all(missing.map((layer) => fetchBlob(session, image, layer, signal, () => undefined)))
  if (!store.blobs.has(manifest.config.digest)) {
    await store.prepare()
    await store.blobs.write([image.configBytes], manifest.config.digest)
  }
  return { manifest, manifestBytes: image.manifestBytes }
}

/** Packs the layers, stores the documents as blobs, and lists the image in the layout's index.json. */
async function packedManifest(session: Session, image: StoredImage, signal: AbortSignal): Promise<EncodedManifest> {
  const { store } = session
  await store.prepare()
  const snapshot = await publishRoot(session, image.id, signal)
  const layers: Descriptor[] = []
  for (const layer of snapshot.layers) {
    signal.throwIfAborted()
    await restoreBlob(session, layer, signal)
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

/** A pulled layer whose blob is gone is fetched again: it cannot be packed to the same bytes. */
async function restoreBlob(session: Session, layer: string, signal: AbortSignal): Promise<void> {
  const { store } = session
  const known = packedForms(session, layer)
  if (known.length === 0 || known.some(({ digest }) => store.blobs.has(digest))) return
  for (const image of store.images.withManifest()) {
    const descriptor = manifestOf(image)?.layers.find(({ digest }) => known.some((form) => form.digest === digest))
    if (image.reference !== undefined && descriptor !== undefined) {
      await fetchBlob(session, image, descriptor, signal, () => undefined)
      return
    }
  }
}

/** The packed form that a base's layer came in is kept; what we built is packed with gzip, which everybody reads. */
function baseCompression(session: Session, layer: string): Compression {
  return packedForms(session, layer).find(({ digest }) => session.store.blobs.has(digest))?.compression ?? 'gzip'
}

/** The forms that a layer was packed in, or came in, whether or not their blobs are there. */
function packedForms(session: Session, layer: string): readonly (LayerBlob & { readonly compression: Compression })[] {
  const { layers } = session.store
  const diffId = layers.get(layer)?.diffId
  return (['gzip', 'zstd', 'none'] as const).flatMap((compression) => {
    const blob = diffId === undefined ? undefined : layers.blob(diffId, compression)
    return blob === undefined ? [] : [{ compression, ...blob }]
  })
}
