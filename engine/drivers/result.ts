import type { Digest } from '../../core/digest.ts'
import type { ContextDirectory } from '../../snapshotter/context.ts'
import { layersUsable, type Snapshot, type SnapshotterContext } from '../../snapshotter/snapshot.ts'

/** What a vertex results in: a root, or a directory of the user that file ops copy from. */
export type StepResult =
  | { readonly kind: 'root'; readonly snapshot: Snapshot }
  | { readonly kind: 'directory'; readonly directory: ContextDirectory; readonly tree: Digest }

/** The content identity of a result as a whole. */
export function treeOf(result: StepResult): Digest {
  return result.kind === 'root' ? result.snapshot.tree : result.tree
}

/** Input 0 of an op that changes a root. */
export function rootOf(inputs: readonly StepResult[]): Snapshot {
  const root = inputs[0]
  if (root?.kind !== 'root') throw new Error('the first input of this op is not a root')
  return root.snapshot
}

/** What a record keeps of an op that adds one layer: the layer and the tree it leads to. The layers below are the input's. */
export interface StoredLayer {
  readonly layer: string
  readonly tree: Digest
}

/** Stacks a recorded layer on the root it is asked for now, which has the tree it was made on. */
export function reviveLayer(context: SnapshotterContext, stored: string, inputs: readonly StepResult[]): StepResult | undefined {
  const { layer, tree } = JSON.parse(stored) as StoredLayer
  if (!layersUsable(context.store, [layer])) return undefined
  return { kind: 'root', snapshot: { layers: [...rootOf(inputs).layers, layer], tree } }
}
