import type { Digest } from '../core/digest.ts'
import { isTsbError, TsbError } from '../core/error.ts'
import type { Descriptor } from '../core/manifest.ts'
import { type Compression, layerType } from '../core/media-types.ts'
import { parseReference } from '../core/reference.ts'
import type { Arrival } from '../native/types.ts'
import type { LayerBlobFile, PackedLayer } from '../snapshotter/apply.ts'
import { layersUsable, type Snapshot } from '../snapshotter/snapshot.ts'
import { hasTree } from '../snapshotter/tree.ts'
import { type UnpackedRoot, unpack } from '../snapshotter/unpack.ts'
import { configOf, manifestOf, type StoredImage } from '../store/images.ts'
import { evicted } from '../store/pins.ts'
import type { Session } from './session.ts'

/** Bytes of files to each byte of a packed layer, mostly. */
const USUAL_RATIO = 3

/** Bytes of a blob that have arrived. */
export type OnFetch = (blob: Digest, current: number, total: number) => void

/**
 * The root of an image of the store: as it is when its layers are on disk, else fetched and unpacked.
 * @throws TsbError `TSB_IMAGE_INVALID`, `TSB_BLOB_MISSING`, `TSB_REGISTRY_*`, `TSB_LAYER_*`, `TSB_STORE_EVICTED`
 */
export async function materialiseRoot(session: Session, id: Digest, signal: AbortSignal, onFetch: OnFetch): Promise<UnpackedRoot> {
  const image = session.store.images.get(id)
  if (image === undefined) throw evicted()
  const isWhole =
    image.root !== undefined && layersUsable(session.store, image.root.layers) && (await hasTree(session.snapshotter, image.root))
  const isHeld = isWhole && session.store.pins.tryHold({ layers: image.root?.layers ?? [] })
  if (image.root !== undefined && isHeld) return { snapshot: image.root, newLayers: [] }
  const unpacked = await unpackHealing(session, image, signal, onFetch)
  session.store.images.put({ ...image, root: unpacked.snapshot })
  return unpacked
}

/** A blob that was damaged on our disk is fetched again, once, where it came from a registry. */
async function unpackHealing(session: Session, image: StoredImage, signal: AbortSignal, onFetch: OnFetch): Promise<UnpackedRoot> {
  const attempt = (): Promise<UnpackedRoot> => unpack(session.snapshotter, packedLayers(session, image, onFetch), signal)
  try {
    return await attempt()
  } catch (error) {
    if (!isTsbError(error) || error.fault !== 'input') throw error
    const blobs = manifestOf(image)?.layers.map((layer) => layer.digest) ?? []
    const removed = await Promise.all(blobs.map((digest) => session.store.blobs.removeDamaged(digest)))
    if (!removed.includes(true) || image.reference === undefined) throw error
    return attempt()
  }
}

/** An image's root outside a build: unpacked if need be, and its layers there for everybody. */
export async function publishRoot(session: Session, id: Digest, signal: AbortSignal): Promise<Snapshot> {
  const { snapshot, newLayers } = await materialiseRoot(session, id, signal, () => undefined)
  session.store.layers.publish(newLayers)
  return snapshot
}

/** Whether an image's layers can be had, though they may not be on the disk: from its registry, or from blobs of the store. */
export function canFetch({ store }: Session, image: StoredImage): boolean {
  const layers = manifestOf(image)?.layers
  if (layers?.length !== configOf(image).rootfs.diff_ids.length) return false
  return image.reference !== undefined || layers.every(({ digest }) => store.blobs.has(digest))
}

/** A layer's blob by the OCI name of how it is packed, whatever its registry calls it. */
export function plainDescriptor({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType: layerType(compressionOf(mediaType)), digest, size }
}

function packedLayers(session: Session, image: StoredImage, onFetch: OnFetch): readonly PackedLayer[] {
  const diffIds = configOf(image).rootfs.diff_ids
  const manifest = manifestOf(image)
  const hint = 'pull, load or build the image again'
  if (manifest === undefined) {
    throw new TsbError('TSB_BLOB_MISSING', `layers of image \`${image.id}\` are gone from the store`, { fault: 'host', hint })
  }
  if (manifest.layers.length !== diffIds.length) {
    const message = `image \`${image.id}\` lists ${manifest.layers.length} layers for ${diffIds.length} diffIDs`
    throw new TsbError('TSB_IMAGE_INVALID', message, { fault: 'input', hint })
  }
  return manifest.layers.map((descriptor, index) => {
    const diffId = diffIds[index] as Digest
    const compression = compressionOf(descriptor.mediaType)
    session.store.layers.setOriginal(diffId, { compression, digest: descriptor.digest, size: descriptor.size })
    const blob = async (signal: AbortSignal): Promise<LayerBlobFile> => {
      // What it unpacks to is not known before.
      await session.disk.room({ likely: descriptor.size * (compression === 'none' ? 1 : USUAL_RATIO) }, signal)
      return openBlob(session, image, descriptor, signal, onFetch)
    }
    return { diffId, compression, blob }
  })
}

/**
 * The blob's file: from the store, or from the registry that the image came from.
 * @throws TsbError `TSB_BLOB_MISSING` when neither has it, `TSB_REGISTRY_*`
 */
export async function fetchBlob(
  session: Session,
  image: StoredImage,
  descriptor: Descriptor,
  signal: AbortSignal,
  onFetch: OnFetch,
): Promise<string> {
  const { path, incoming } = await openBlob(session, image, descriptor, signal, onFetch)
  await incoming?.whole
  return path
}

/** As `fetchBlob`, but does not wait for the end of a download: the blob can be read as it comes in. */
async function openBlob(
  session: Session,
  image: StoredImage,
  descriptor: Descriptor,
  signal: AbortSignal,
  onFetch: OnFetch,
): Promise<LayerBlobFile> {
  const { blobs, pins } = session.store
  const path = blobs.path(descriptor.digest)
  if (blobs.has(descriptor.digest) && pins.tryHold({ blobs: [descriptor.digest] })) return { path }
  if (image.reference === undefined) await blobs.read(descriptor.digest)
  await session.store.prepare()
  await session.disk.room({ bytes: descriptor.size }, signal)
  const registry = await session.registry()
  const stream = registry.blob(parseReference(image.reference ?? ''), descriptor, signal)
  const chunks = counted(stream, (current) => onFetch(descriptor.digest, current, descriptor.size))
  return new Promise((resolve, reject) => {
    let arrival: Arrival | undefined
    const whole = blobs.receive(chunks, descriptor.digest, (file, bytes) => {
      if (arrival === undefined) {
        arrival = session.native.arrival(file)
        resolve({ path, incoming: { arrival, whole } })
      }
      arrival.reached(bytes)
    })
    // One that was there before anybody could look is whole already.
    whole.then(
      () => {
        arrival?.end()
        resolve({ path })
      },
      (error: unknown) => {
        arrival?.fail()
        reject(error)
      },
    )
  })
}

async function* counted(stream: AsyncIterable<Uint8Array>, onBytes: (current: number) => void): AsyncIterable<Uint8Array> {
  let current = 0
  for await (const chunk of stream) {
    current += chunk.byteLength
    onBytes(current)
    yield chunk
  }
}

/** How a layer's media type says it is packed (image spec media-types.md, and Docker's). */
function compressionOf(mediaType: string): Compression {
  if (/[.+]gzip$/.test(mediaType)) return 'gzip'
  return /[.+]zstd$/.test(mediaType) ? 'zstd' : 'none'
}
