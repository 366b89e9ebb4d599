import type { Digest } from '../core/digest.ts'
import { isTsbError } from '../core/error.ts'
import type { Descriptor } from '../core/manifest.ts'
import { layerType } from '../core/media-types.ts'
import { packingOf } from '../core/packing.ts'
import type { LayerOptions } from '../exporter/types.ts'
import { layerBlob, packedBlob, repackedBlob } from '../snapshotter/blob.ts'
import { manifestOf } from '../store/images.ts'
import type { LayerId, OriginalBlob } from '../store/layers.ts'
import { fetchBlob } from './image-root.ts'
import type { Session } from './session.ts'

/**
 * A layer's blob as an output wants it. A layer of a base keeps the blob in which it came, unless it is to be packed anew
 * (`force`) and came in another compression, or a level was asked for. A blob that is found damaged then is fetched again, once.
 * @throws TsbError `TSB_LAYER_DIGEST`, `TSB_REGISTRY_*`
 */
export async function packedLayer(session: Session, layer: LayerId, options: LayerOptions, signal: AbortSignal): Promise<Descriptor> {
  const { store, snapshotter } = session
  const packing = packingOf(options.compression, options.level)
  await session.disk.room({ likely: store.layers.get(layer)?.bytes ?? 0 }, signal)
  const diffId = store.layers.get(layer)?.diffId
  if (diffId === undefined || !cameWithImage(layer)) return layerBlob(snapshotter, layer, packing, signal)
  const done = options.force ? packedBlob(snapshotter, diffId, packing) : undefined
  if (done !== undefined) return done
  const original = await originalBlob(session, diffId, signal)
  if (original === undefined) return layerBlob(snapshotter, layer, packing, signal)
  const { compression, digest, size } = original
  const keeps = !options.force || (compression === options.compression && options.level === undefined)
  if (keeps) return { mediaType: layerType(compression), digest, size }
  try {
    return await repackedBlob(snapshotter, diffId, original, packing, signal)
  } catch (error) {
    if (!mayBeDamage(error) || !(await store.blobs.removeDamaged(digest))) throw error
  }
  const again = await originalBlob(session, diffId, signal)
  if (again === undefined) return layerBlob(snapshotter, layer, packing, signal)
  return repackedBlob(snapshotter, diffId, again, packing, signal)
}

/** What a blob that was damaged on our disk leads to. */
function mayBeDamage(error: unknown): boolean {
  return isTsbError(error) && (error.fault === 'input' || error.code === 'TSB_LAYER_DIGEST')
}

/** A layer that a base brought is named by its place in the chain, one that was built at random. */
function cameWithImage(layer: LayerId): boolean {
  return /^[0-9a-f]{64}/.test(layer)
}

/** The blob in which a layer came. One that is gone is fetched again: it cannot be packed to the same bytes. */
async function originalBlob(session: Session, diffId: Digest, signal: AbortSignal): Promise<OriginalBlob | undefined> {
  const { store } = session
  const known = store.layers.originals(diffId)
  const present = known.find(({ digest }) => store.blobs.has(digest) && store.pins.tryHold({ blobs: [digest] }))
  if (present !== undefined) return present
  for (const image of store.images.withManifest()) {
    for (const descriptor of manifestOf(image)?.layers ?? []) {
      const original = known.find(({ digest }) => digest === descriptor.digest)
      if (original === undefined || image.reference === undefined) continue
      await fetchBlob(session, image, descriptor, signal, () => undefined)
      return original
    }
  }
  return undefined
}
