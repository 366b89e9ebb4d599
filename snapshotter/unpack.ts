import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Digest } from '../core/digest.ts'
import { isTsbError, TsbError } from '../core/error.ts'
import type { Compression } from '../core/media-types.ts'
import type { ApplyLayerResult } from '../native/types.ts'
import type { LayerId } from '../store/layers.ts'
import { layerPath } from '../store/layout.ts'
import { adopt, sizes } from './commit.ts'
import { layersUsable, type Snapshot, type SnapshotterContext } from './snapshot.ts'
import { makeRoot, openWorkspace } from './workspace.ts'

/** A layer of an image to unpack: what its tar must hash to, and how to get its blob's file. */
export interface PackedLayer {
  readonly diffId: Digest
  readonly compression: Compression
  /** Fetches the blob if need be and returns its file. */
  readonly blob: () => Promise<string>
}

/** A root made of an image's layers, and those of them that are this process's own and want publishing. */
export interface UnpackedRoot {
  readonly snapshot: Snapshot
  readonly newLayers: readonly LayerId[]
}

interface Unpacked {
  readonly applied: ApplyLayerResult
  readonly upper: string
}

/**
 * Unpacks an image's layers (image spec layer.md). Fetching and unpacking of all layers overlap; a layer that is in
 * the store on top of the same layers (the same chainID) is taken from there.
 * @throws TsbError `TSB_LAYER_DIGEST` when a tar is not what the image config says, and what the blobs throw
 */
export async function unpack(context: SnapshotterContext, layers: readonly PackedLayer[], signal: AbortSignal): Promise<UnpackedRoot> {
  const { store, native } = context
  const chain = chainIds(layers.map((layer) => layer.diffId))
  await store.prepare()
  await using scratch = await openWorkspace(context)
  const pending = layers.map((layer, index) => {
    if (layersUsable(store, [chain[index] ?? ''])) return undefined
    return settled(apply(context, layer, join(scratch.upper, String(index)), signal))
  })
  // Before the scratch goes: what still unpacks after a failure would write into a directory that is being removed.
  await using _settled = { [Symbol.asyncDispose]: async () => void (await Promise.all(pending)) }
  let tree: Digest | undefined
  const ids: LayerId[] = []
  const newLayers: LayerId[] = []
  for (const [index, layer] of layers.entries()) {
    const chained = chain[index] ?? ''
    const below = ids.map((done) => layerPath(store.layout, done))
    const result = await withLinks(await pending[index], below, (lower) =>
      apply(context, layer, join(scratch.upper, `${index}-linked`), signal, lower),
    )
    const upper = result === undefined ? layerPath(store.layout, chained) : result.upper
    const change = await native.commit({
      upper,
      treesDirectory: store.layout.trees,
      ...(tree === undefined ? {} : { parent: tree }),
      ...(result === undefined ? {} : { implicit: result.applied.implicit }),
    })
    tree = change.tree
    if (result === undefined) {
      ids.push(chained)
      continue
    }
    // Another process may be unpacking the same chain for another image: then this copy gets a name of its own.
    const row = { created: context.effects.now(), diffId: layer.diffId, ...sizes(change) }
    const id = adopt(context, upper, { id: chained, ...row }) ? chained : `${chained}-${context.effects.randomId()}`
    if (id !== chained) adopt(context, upper, { id, ...row })
    ids.push(id)
    newLayers.push(id)
  }
  return { snapshot: { layers: ids, tree: tree ?? (await emptyTree(context)) }, newLayers }
}

/** The tree of an empty root. */
export async function emptyTree(context: SnapshotterContext): Promise<Digest> {
  await using workspace = await openWorkspace(context)
  const change = await context.native.commit({ upper: workspace.upper, treesDirectory: context.store.layout.trees })
  return change.tree
}

async function apply(
  context: SnapshotterContext,
  layer: PackedLayer,
  upper: string,
  signal: AbortSignal,
  lower: readonly string[] = [],
): Promise<Unpacked> {
  const blob = await layer.blob()
  signal.throwIfAborted()
  makeRoot(upper)
  const applied = await context.native.applyLayer({ blob, compression: layer.compression, destination: upper, lower }, signal)
  if (applied.diffId !== layer.diffId) {
    throw new TsbError('TSB_LAYER_DIGEST', `layer unpacks to \`${applied.diffId}\` where the image says \`${layer.diffId}\``, {
      fault: 'input',
      hint: 'the image is damaged: pull or load it again',
    })
  }
  return { applied, upper }
}

/** Layers are unpacked side by side; one that links to a file of a layer below has to be unpacked again after it. */
async function withLinks(
  result: Unpacked | Error | undefined,
  below: readonly string[],
  applyOn: (below: readonly string[]) => Promise<Unpacked>,
): Promise<Unpacked | undefined> {
  if (!(result instanceof Error)) return result
  if (below.length > 0 && isTsbError(result) && result.code === 'TSB_LAYER_LINK') return applyOn(below)
  throw result
}

/** A failure is kept as a value until its turn: an unwatched rejection would end the process. */
async function settled<T>(promise: Promise<T>): Promise<T | Error> {
  try {
    return await promise
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

/** Image spec config.md "Layer ChainID", as hex. The layer's place in the chain decides, so it is its name in the store. */
function chainIds(diffIds: readonly Digest[]): readonly LayerId[] {
  let chain = ''
  return diffIds.map((diffId) => {
    chain = chain === '' ? diffId : `sha256:${createHash('sha256').update(`${chain} ${diffId}`).digest('hex')}`
    return chain.slice('sha256:'.length)
  })
}
