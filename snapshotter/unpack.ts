import { createHash } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import pLimit from 'p-limit'
import { type Digest, hexOf } from '../core/digest.ts'
import { isTsbError } from '../core/error.ts'
import type { LayerId } from '../store/layers.ts'
import { layerPath } from '../store/layout.ts'
import { applyLayer, type PackedLayer, type Unpacked } from './apply.ts'
import { adopt, sizes } from './commit.ts'
import { layersUsable, type Snapshot, type SnapshotterContext } from './snapshot.ts'
import { openWorkspace } from './workspace.ts'

/** A root made of an image's layers, and those of them that are this process's own and want publishing. */
export interface UnpackedRoot {
  readonly snapshot: Snapshot
  readonly newLayers: readonly LayerId[]
}

/** Layers that are unpacked at once; each has three threads and a few MiB. */
const AT_ONCE = Math.max(4, availableParallelism())

/**
 * Unpacks an image's layers (image spec layer.md). Fetching and unpacking of all layers overlap; a layer that is in
 * the store on top of the same layers (the same chainID) is taken from there. The first failure stops the others.
 * @throws TsbError `TSB_LAYER_DIGEST` when a tar is not what the image config says, and what the blobs throw
 */
export async function unpack(context: SnapshotterContext, layers: readonly PackedLayer[], signal: AbortSignal): Promise<UnpackedRoot> {
  const { store } = context
  const chain = chainIds(layers.map((layer) => layer.diffId))
  await store.prepare()
  await using scratch = await openWorkspace(context)
  await using side = sideBySide(context, layers, chain, scratch.upper, signal)
  let tree: Digest | undefined
  const ids: LayerId[] = []
  const newLayers: LayerId[] = []
  for (const [index, layer] of layers.entries()) {
    const chained = chain[index] ?? ''
    const unpacked = await side.unpacked(index, ids)
    if (unpacked === undefined) {
      tree = await treeOfChain(context, chained, tree)
      ids.push(chained)
      continue
    }
    const { upper, delta, applied } = unpacked
    const parent = tree === undefined ? {} : { parent: tree }
    const change = await context.native.commit({
      upper,
      treesDirectory: store.layout.trees,
      delta,
      implicit: applied.implicit,
      ...parent,
    })
    tree = change.tree
    // Another process may be unpacking the same chain for another image: then this copy gets a name of its own.
    const row = { created: context.effects.now(), diffId: layer.diffId, tree, ...sizes(change) }
    const id = adopt(context, upper, { id: chained, ...row }) ? chained : `${chained}-${context.effects.randomId()}`
    if (id !== chained) adopt(context, upper, { id, ...row })
    ids.push(id)
    newLayers.push(id)
  }
  return { snapshot: { layers: ids, tree: tree ?? (await emptyTree(context)) }, newLayers }
}

/** Layers on their way, each into a directory of its own. Disposing stops them and waits until nothing is written any more. */
interface SideBySide extends AsyncDisposable {
  /** The layer at `index`; `undefined` when the store has it. `below` are those that it stands on. */
  unpacked(index: number, below: readonly LayerId[]): Promise<Unpacked | undefined>
}

function sideBySide(
  context: SnapshotterContext,
  layers: readonly PackedLayer[],
  chain: readonly LayerId[],
  directory: string,
  signal: AbortSignal,
): SideBySide {
  const stop = new AbortController()
  const stopped = AbortSignal.any([signal, stop.signal])
  // Every layer listens, which with many of them looks like a leak to Node.
  setMaxListeners(0, stopped)
  const places = pLimit(AT_ONCE)
  let first: Error | undefined
  const pending = layers.map(async (layer, index) => {
    const known = [chain[index] ?? '']
    if (layersUsable(context.store, known) && context.store.pins.tryHold({ layers: known })) return undefined
    try {
      // Before it takes a place: a download that waits for its turn keeps nobody from unpacking.
      const blob = await layer.blob(stopped)
      const found = { ...layer, blob: async () => blob }
      try {
        return await places(() => applyLayer(context, found, join(directory, String(index)), stopped))
      } finally {
        // A download that nobody waits for any more would write on.
        await Promise.allSettled([blob.incoming?.whole])
      }
    } catch (cause) {
      // Kept as a value until its turn: an unwatched rejection would end the process.
      const error = cause instanceof Error ? cause : new Error(String(cause))
      if (index > 0 && wantsLower(error)) return error
      first ??= error
      stop.abort()
      return error
    }
  })
  return {
    unpacked: async (index, below) => {
      const result = await pending[index]
      if (!(result instanceof Error)) return result
      const layer = layers[index]
      if (layer === undefined || first !== undefined || !wantsLower(result)) throw first ?? result
      const lower = below.map((done) => layerPath(context.store.layout, done))
      return applyLayer(context, layer, join(directory, `${index}-linked`), stopped, lower)
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await Promise.all(pending)
    },
  }
}

/** Layers are unpacked side by side; one that links to a file of a layer below has to be unpacked again after it. */
function wantsLower(error: Error): boolean {
  return isTsbError(error) && error.code === 'TSB_LAYER_LINK'
}

/** The tree of a base image's layer that is in the store, with the layers below it. It is made again where it is gone. */
async function treeOfChain({ store, native }: SnapshotterContext, id: LayerId, parent: Digest | undefined): Promise<Digest> {
  const treesDirectory = store.layout.trees
  const known = store.layers.get(id)?.tree
  if (known !== undefined && existsSync(join(treesDirectory, hexOf(known)))) return known
  const below = parent === undefined ? {} : { parent }
  const { tree } = await native.commit({ upper: layerPath(store.layout, id), treesDirectory, ...below })
  store.layers.setTree(id, tree)
  return tree
}

/** The tree of an empty root. */
export async function emptyTree(context: SnapshotterContext): Promise<Digest> {
  await using workspace = await openWorkspace(context)
  const change = await context.native.commit({ upper: workspace.upper, treesDirectory: context.store.layout.trees })
  return change.tree
}

/** Image spec config.md "Layer ChainID", as hex. The layer's place in the chain decides, so it is its name in the store. */
export function chainIds(diffIds: readonly Digest[]): readonly LayerId[] {
  let chain = ''
  return diffIds.map((diffId) => {
    chain = chain === '' ? diffId : `sha256:${createHash('sha256').update(`${chain} ${diffId}`).digest('hex')}`
    return chain.slice('sha256:'.length)
  })
}
