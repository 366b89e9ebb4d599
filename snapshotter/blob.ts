import { rm } from 'node:fs/promises'
import type { Digest } from '../core/digest.ts'
import { TsbError } from '../core/error.ts'
import type { Descriptor } from '../core/manifest.ts'
import { layerType } from '../core/media-types.ts'
import type { Packing } from '../core/packing.ts'
import type { WriteLayerResult } from '../native/types.ts'
import type { LayerId, OriginalBlob } from '../store/layers.ts'
import { layerPath } from '../store/layout.ts'
import type { SnapshotterContext } from './snapshot.ts'

/**
 * The diffID of a layer: SHA-256 of its tar, computed once and remembered. With `packing`, the blob is made in the same
 * pass; without, nothing is written but the row.
 */
export async function diffIdOf(
  context: SnapshotterContext,
  layer: LayerId,
  packing: Packing | undefined,
  signal: AbortSignal,
): Promise<Digest> {
  const { store, native } = context
  const known = store.layers.get(layer)?.diffId
  if (known !== undefined) return known
  if (packing !== undefined) return (await packLayer(context, layer, packing, signal)).diffId
  store.pins.hold({ layers: [layer] })
  const written = await native.writeLayer({ upper: layerPath(store.layout, layer), compression: 'none' }, signal)
  store.layers.setDiffId(layer, written.diffId, written.plainSize)
  return written.diffId
}

/**
 * A layer's blob in the store, packed now unless that was done before.
 * @throws TsbError `TSB_LAYER_DIGEST` when a layer of an image has lost its blob: no other tar of it has the diffID that images name
 */
export async function layerBlob(context: SnapshotterContext, layer: LayerId, packing: Packing, signal: AbortSignal): Promise<Descriptor> {
  const known = context.store.layers.get(layer)?.diffId
  const done = known === undefined ? undefined : packedBlob(context, known, packing)
  if (done !== undefined) return done
  return (await packLayer(context, layer, packing, signal)).blob
}

async function packLayer(context: SnapshotterContext, layer: LayerId, packing: Packing, signal: AbortSignal): Promise<PackedLayer> {
  const { store, native } = context
  const known = store.layers.get(layer)?.diffId
  store.pins.hold({ layers: [layer] })
  return pack(context, packing, async (output) => {
    const written = await native.writeLayer({ upper: layerPath(store.layout, layer), output, ...packing }, signal)
    if (known !== undefined && written.diffId !== known) throw notAgain(known, written.diffId)
    store.layers.setDiffId(layer, written.diffId, written.plainSize)
    return written
  })
}

/**
 * A layer's blob in which no file is later than `latest` (seconds since 1970), packed now unless that was done before. Its tar is
 * another one than the layer's own, with a diffID of its own; earlier times stay.
 */
export async function datedBlob(
  context: SnapshotterContext,
  layer: LayerId,
  packing: Packing,
  latest: number,
  signal: AbortSignal,
): Promise<PackedLayer> {
  const { store, native } = context
  const known = store.layers.datedDiffId(layer, latest)
  const done = known === undefined ? undefined : packedBlob(context, known, packing)
  if (known !== undefined && done !== undefined) return { diffId: known, blob: done }
  store.pins.hold({ layers: [layer] })
  return pack(context, packing, async (output) => {
    const written = await native.writeLayer({ upper: layerPath(store.layout, layer), output, latest, ...packing }, signal)
    store.layers.setDatedDiffId(layer, latest, written.diffId)
    return written
  })
}

/**
 * The blob in which a layer came with an image, packed anew; the tar in it stays the same.
 * @throws TsbError `TSB_LAYER_DIGEST` when the blob unpacks to another tar
 */
export async function repackedBlob(
  context: SnapshotterContext,
  diffId: Digest,
  original: OriginalBlob,
  packing: Packing,
  signal: AbortSignal,
): Promise<Descriptor> {
  const { store, native } = context
  const { blob } = await pack(context, packing, async (output) => {
    const blob = store.blobs.path(original.digest)
    const written = await native.repackLayer({ blob, from: original.compression, output, ...packing }, signal)
    if (written.diffId !== diffId) throw notTheSame(diffId, written.diffId)
    return written
  })
  return blob
}

/** A layer's blob that was packed so before and is still there: pinned. */
export function packedBlob({ store }: SnapshotterContext, diffId: Digest, packing: Packing): Descriptor | undefined {
  const blob = store.layers.blob(diffId, packing)
  if (blob === undefined || !store.blobs.has(blob.digest) || !store.pins.tryHold({ blobs: [blob.digest] })) return undefined
  return { mediaType: layerType(packing.compression), ...blob }
}

/** A layer's blob, with what it unpacks to. */
export interface PackedLayer {
  readonly diffId: Digest
  readonly blob: Descriptor
}

/** Has `write` make a file, and keeps it as a blob. */
async function pack(
  { store }: SnapshotterContext,
  packing: Packing,
  write: (output: string) => Promise<WriteLayerResult>,
): Promise<PackedLayer> {
  await store.prepare()
  const output = store.blobs.temporaryPath()
  try {
    const { diffId, digest, size } = await write(output)
    await store.blobs.adopt(output, digest)
    store.layers.setBlob(diffId, packing, { digest, size })
    return { diffId, blob: { mediaType: layerType(packing.compression), digest, size } }
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

function notTheSame(diffId: Digest, found: Digest): TsbError {
  return new TsbError('TSB_LAYER_DIGEST', `layer \`${diffId}\` unpacks to \`${found}\``, {
    fault: 'host',
    hint: 'pull, load or import the base image again',
  })
}
