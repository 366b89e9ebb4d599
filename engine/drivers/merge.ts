import type { Digest } from '../../core/digest.ts'
import type { MergeOp } from '../../core/op.ts'
import { layersUsable, type Snapshot, type SnapshotterContext } from '../../snapshotter/snapshot.ts'
import { hasTree } from '../../snapshotter/tree.ts'
import type { Driver } from '../../solver/driver.ts'
import { rootOf, type StepResult, treeOf } from './result.ts'

/** COPY --link: layers on layers. Nothing is copied, only the tree of both together is made. */
export function mergeDriver(context: SnapshotterContext): Driver<MergeOp, StepResult> {
  return {
    recorded: true,
    facts: () => ({ kind: 'merge' }),
    inputDigests: async (_op, inputs) => inputs.map(treeOf),
    execute: async (_op, inputs) => {
      const [lower, upper] = [rootOf(inputs), rootOf(inputs.slice(1))]
      const treesDirectory = context.store.layout.trees
      const tree = await context.native.layOver({ treesDirectory, lower: lower.tree, upper: upper.tree })
      return { result: merged(inputs, tree), stored: tree, layers: [] }
    },
    revive: async (_op, stored, inputs) => {
      const result = merged(inputs, stored as Digest)
      const { snapshot } = result
      return layersUsable(context.store, snapshot.layers) && (await hasTree(context, snapshot)) ? result : undefined
    },
  }
}

/** A layer of nothing but additions says the same on any root. */
function merged(inputs: readonly StepResult[], tree: Digest): { readonly kind: 'root'; readonly snapshot: Snapshot } {
  const layers = [...rootOf(inputs).layers, ...rootOf(inputs.slice(1)).layers]
  return { kind: 'root', snapshot: { layers, tree } }
}
