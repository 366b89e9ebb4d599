import type { Digest } from '../../core/digest.ts'
import type { Snapshot } from '../../snapshotter/snapshot.ts'
import type { LocalTree } from '../contexts/types.ts'

/** What a vertex results in: a root, or a directory of the user that file ops copy from. */
export type StepResult =
  | { readonly kind: 'root'; readonly snapshot: Snapshot }
  | { readonly kind: 'directory'; readonly local: LocalTree; readonly tree: Digest }

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
