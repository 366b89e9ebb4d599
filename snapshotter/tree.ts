import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Digest, hexOf } from '../core/digest.ts'
import { layerPath } from '../store/layout.ts'
import type { Snapshot, SnapshotterContext } from './snapshot.ts'

/** Whether the index of a tree is there. */
export function isIndexed({ store }: Pick<SnapshotterContext, 'store'>, tree: Digest): boolean {
  return existsSync(join(store.layout.trees, hexOf(tree)))
}

/**
 * Whether the tree index of a snapshot is there. One that a machine that went down has lost is made again from the layers,
 * which are read for that.
 * @returns false when the layers make another tree, or have gone meanwhile
 */
export async function hasTree(context: SnapshotterContext, { layers, tree }: Snapshot): Promise<boolean> {
  const treesDirectory = context.store.layout.trees
  if (isIndexed(context, tree)) return true
  if (layers.length > 0 && !context.store.pins.tryHold({ layers })) return false
  let made: Digest | undefined
  for (const layer of layers) {
    const parent = made === undefined ? {} : { parent: made }
    made = (await context.native.commit({ upper: layerPath(context.store.layout, layer), treesDirectory, ...parent })).tree
  }
  return made === tree
}
