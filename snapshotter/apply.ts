import type { Digest } from '../core/digest.ts'
import { TsbError } from '../core/error.ts'
import type { Compression } from '../core/media-types.ts'
import type { ApplyLayerResult, Arrival } from '../native/types.ts'
import type { SnapshotterContext } from './snapshot.ts'
import { makeRoot } from './workspace.ts'

/** A layer of an image to unpack: what its tar must hash to, and how to get its blob. */
export interface PackedLayer {
  readonly diffId: Digest
  readonly compression: Compression
  /** Finds the blob, or begins to fetch it. */
  readonly blob: (signal: AbortSignal) => Promise<LayerBlobFile>
}

/** The file of a layer's blob. */
export interface LayerBlobFile {
  readonly path: string
  /** Of a blob that still comes in. */
  readonly incoming?: Incoming
}

export interface Incoming {
  readonly arrival: Arrival
  /** Fulfilled when the whole blob has come and is the right one. */
  readonly whole: Promise<void>
}

/** A layer that has been unpacked but belongs to nothing yet. */
export interface Unpacked {
  readonly applied: ApplyLayerResult
  readonly upper: string
  /** Index of the upper, for `commit`. */
  readonly delta: string
}

/**
 * Unpacks one layer into the directory `upper`, which it makes, while its blob still comes in. It counts only when the blob has
 * the right digest and the tar the right diffID.
 * @throws TsbError `TSB_LAYER_DIGEST`, `TSB_LAYER_*`, and what the blob throws; the upper is the caller's to remove
 */
export async function applyLayer(
  context: SnapshotterContext,
  layer: PackedLayer,
  upper: string,
  signal: AbortSignal,
  lower: readonly string[] = [],
): Promise<Unpacked> {
  const { path, incoming } = await layer.blob(signal)
  signal.throwIfAborted()
  makeRoot(upper)
  const delta = `${upper}.delta`
  const request = { blob: path, compression: layer.compression, destination: upper, lower, delta }
  const arriving = incoming === undefined ? {} : { arrival: incoming.arrival }
  // A blob that is the wrong one, or that does not come, is the reason for whatever the unpacking met.
  const [unpacking, download] = await Promise.allSettled([context.native.applyLayer({ ...request, ...arriving }, signal), incoming?.whole])
  if (download.status === 'rejected') throw download.reason
  if (unpacking.status === 'rejected') throw unpacking.reason
  const applied = unpacking.value
  if (applied.diffId !== layer.diffId) {
    throw new TsbError('TSB_LAYER_DIGEST', `layer unpacks to \`${applied.diffId}\` where the image says \`${layer.diffId}\``, {
      fault: 'input',
      hint: 'the image is damaged: pull or load it again',
    })
  }
  return { applied, upper, delta }
}
