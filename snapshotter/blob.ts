import { rm } from 'node:fs/promises'
import type { Digest } from '../core/digest.ts'
import { TsbError } from '../core/error.ts'
import type { Descriptor } from '../core/manifest.ts'
import { type Compression, layerType } from '../core/media-types.ts'
import type { LayerId } from '../store/layers.ts'
import { layerPath } from '../store/layout.ts'
import type { SnapshotterContext } from './snapshot.ts'

/** The diffID of a layer: SHA-256 of its tar, computed once and remembered. Nothing is written but the row. */
export async function diffIdOf(context: SnapshotterContext, layer: LayerId, signal: AbortSignal): Promise<Digest> {
  const { store, native } = context
  const known = store.layers.get(layer)?.diffId
  if (known !== undefined) return known
  const written = await native.writeLayer({ upper: layerPath(store.layout, layer), compression: 'none' }, signal)
  store.layers.setDiffId(layer, written.diffId, written.plainSize)
  return written.diffId
}

/**
 * A layer's blob in the store, packed now unless that was done before or it came with an image.
 * @throws TsbError `TSB_LAYER_DIGEST` when a layer of an image has lost its blob: no other tar of it has the diffID that images name
 */
export async function layerBlob(
  context: SnapshotterContext,
  layer: LayerId,
  compression: Compression,
  signal: AbortSignal,
): Promise<Descriptor> {
  const { store, native } = context
  const known = store.layers.get(layer)?.diffId
  const packed = known === undefined ? undefined : store.layers.blob(known, compression)
  if (packed !== undefined && store.blobs.has(packed.digest)) return { mediaType: layerType(compression), ...packed }
  await store.prepare()
  const output = store.blobs.temporaryPath()
  try {
    const written = await native.writeLayer({ upper: layerPath(store.layout, layer), output, compression }, signal)
    if (known !== undefined && written.diffId !== known) throw notAgain(known, written.diffId)
    await store.blobs.adopt(output, written.digest)
    store.layers.setDiffId(layer, written.diffId, written.plainSize)
    store.layers.setBlob(written.diffId, compression, { digest: written.digest, size: written.size })
    return { mediaType: layerType(compression), digest: written.digest, size: written.size }
  } catch (error) {
    await rm(output, { force: true })
    throw error
  }
}

/** Tars of one tree differ in order, padding and headers; the config of every image on this layer names the first. */
function notAgain(known: Digest, packed: Digest): TsbError {
  return new TsbError('TSB_LAYER_DIGEST', `the blob of layer \`${known}\` is gone, and the layer packs to \`${packed}\` now`, {
    fault: 'host',
    hint: 'pull, load or import the base image again',
  })
}
