import { type Digest, sha256Digest } from '../core/digest.ts'
import { isTsbError } from '../core/error.ts'
import type { Descriptor, Manifest } from '../core/manifest.ts'
import { MEDIA_TYPES } from '../core/media-types.ts'
import { assembleManifest } from '../exporter/assemble.ts'
import { USUAL_LAYERS } from '../exporter/layer-options.ts'
import type { ImageContent, LayerOptions } from '../exporter/types.ts'
import { configOf, manifestOf, type StoredImage } from '../store/images.ts'
import { evicted } from '../store/pins.ts'
import { fetchBlob, publishRoot } from './image-root.ts'
import { packedLayer } from './packed-layer.ts'
import type { Session } from './session.ts'

/**
 * An image of the store with all its blobs on disk: layers that exist only as snapshots are packed now.
 * An image that came with a manifest keeps it, and its blobs, byte for byte.
 * @throws TsbError `TSB_STORE_EVICTED`, `TSB_REGISTRY_*` when blobs of a pulled image must be fetched and cannot
 */
export async function imageContent(session: Session, id: Digest, signal: AbortSignal): Promise<ImageContent> {
  const image = storedImage(session, id)
  const known = await existingManifest(session, image, signal)
  return contentOf(session, image, known ?? (await packedManifest(session, image, USUAL_LAYERS, true, signal)))
}

/**
 * An image that was just built, its layers packed as an output wants them. The usual packing is kept with the image as its
 * manifest, another one only where `keep` says so: what is saved later does not change with every export. A build that changed
 * nothing made the base itself, which keeps its own.
 * @throws TsbError as `imageContent`
 */
export async function builtContent(
  session: Session,
  id: Digest,
  { layers, keep }: { readonly layers: LayerOptions | undefined; readonly keep: boolean },
  signal: AbortSignal,
): Promise<ImageContent> {
  const image = storedImage(session, id)
  // A build that changed nothing: the result is the base, and stays it to the byte.
  if (layers === undefined && image.reference !== undefined) return imageContent(session, id, signal)
  // One of a registry keeps the manifest it has there: blobs that only another one names could never be fetched again.
  const keeps = image.reference === undefined && (keep || (layers === undefined && image.manifestBytes === undefined))
  return contentOf(session, image, await packedManifest(session, image, layers ?? USUAL_LAYERS, keeps, signal))
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

/** The image stays while this process lives. One without a name may have gone since it was found or made. */
function storedImage({ store }: Session, id: Digest): StoredImage {
  store.pins.hold({ images: [id] })
  const image = store.images.get(id)
  if (image === undefined) throw evicted()
  return image
}

function contentOf({ store }: Session, image: StoredImage, { manifest, manifestBytes }: EncodedManifest): ImageContent {
  return {
    config: configOf(image),
    configBytes: image.configBytes,
    configDescriptor: manifest.config,
    manifestBytes,
    manifestDescriptor: { mediaType: manifest.mediaType, digest: sha256Digest(manifestBytes), size: manifestBytes.byteLength },
    layers: manifest.layers.map((descriptor) => ({
      descriptor,
      path: store.blobs.path(descriptor.digest),
      verified: store.blobs.isVerified(descriptor.digest),
    })),
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
  const missing = manifest.layers.filter(({ digest }) => !store.blobs.has(digest) || !store.pins.tryHold({ blobs: [digest] }))
  if (missing.length > 0 && image.reference === undefined) return undefined
  await Promise.all(missing.map((layer) => fetchBlob(session, image, layer, signal, () => undefined)))
  if (!store.blobs.has(manifest.config.digest)) {
    await store.prepare()
    await store.blobs.write([image.configBytes], manifest.config.digest)
  }
  if (!store.blobs.has(sha256Digest(image.manifestBytes))) {
    await store.prepare()
    await store.blobs.write([image.manifestBytes])
    store.writeIndex()
  }
  return { manifest, manifestBytes: image.manifestBytes }
}

/** Packs the layers, and keeps the manifest with the image, its documents as blobs, where that is wanted. */
async function packedManifest(
  session: Session,
  image: StoredImage,
  options: LayerOptions,
  keep: boolean,
  signal: AbortSignal,
): Promise<EncodedManifest> {
  const { store } = session
  await store.prepare()
  const snapshot = await publishRoot(session, image.id, signal)
  const layers: Descriptor[] = []
  for (const layer of snapshot.layers) {
    signal.throwIfAborted()
    layers.push(await packedLayer(session, layer, options, signal))
  }
  const config: Descriptor = { mediaType: MEDIA_TYPES.ociConfig, digest: image.id, size: image.configBytes.byteLength }
  const { value: manifest, bytes: manifestBytes } = assembleManifest(config, layers, options.family)
  if (keep) {
    await store.blobs.write([image.configBytes], image.id)
    await store.blobs.write([manifestBytes])
    store.images.put({ ...image, manifestBytes })
    store.writeIndex()
  }
  return { manifest, manifestBytes }
}
