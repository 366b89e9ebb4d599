import type { Digest } from '../../core/digest.ts'
import type { Snapshot } from '../../snapshotter/snapshot.ts'
import type { LayerId } from '../../store/layers.ts'
import type { LocalTree } from '../contexts/types.ts'

/** What a vertex results in: a root, or a directory of the user that file ops copy from. */
export type StepResult =
  /** `base`: the image whose layers lie at the bottom, when they may not be on the disk; `Present` brings them there. */
  | { readonly kind: 'root'; readonly snapshot: Snapshot; readonly base?: Digest }
  | { readonly kind: 'directory'; readonly local: LocalTree; readonly tree: Digest }

/** The content identity of a result as a whole. */
export function treeOf(result: StepResult): Digest {
  return result.kind === 'root' ? result.snapshot.tree : result.tree
}

/** Input 0 of an op that changes a root. */
export function rootOf(inputs: readonly StepResult[]): Snapshot {
  return rootInput(inputs).snapshot
}

/** A result with layers above those of the first input. */
export function rootAbove(inputs: readonly StepResult[], layers: readonly LayerId[], tree: Digest): StepResult & { readonly kind: 'root' } {
  const { snapshot, base } = rootInput(inputs)
  return { kind: 'root', snapshot: { layers: [...snapshot.layers, ...layers], tree }, ...(base === undefined ? {} : { base }) }
}

function rootInput(inputs: readonly StepResult[]): StepResult & { readonly kind: 'root' } {
  const root = inputs[0]
  if (root?.kind !== 'root') throw new Error('the first input of this op is not a root')
  return root
}
