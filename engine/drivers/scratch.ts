import type { Digest } from '../../core/digest.ts'
import type { ScratchOp } from '../../core/op.ts'
import type { SnapshotterContext } from '../../snapshotter/snapshot.ts'
import { hasTree } from '../../snapshotter/tree.ts'
import { emptyTree } from '../../snapshotter/unpack.ts'
import type { Driver } from '../../solver/driver.ts'
import type { StepResult } from './result.ts'

/** An empty root: no layers. */
export function scratchDriver(context: SnapshotterContext): Driver<ScratchOp, StepResult> {
  return {
    recorded: true,
    facts: () => ({ kind: 'scratch' }),
    kin: () => ({ kind: 'scratch' }),
    trees: () => [],
    inputDigests: async () => [],
    execute: async () => {
      const tree = await emptyTree(context)
      return { result: emptyRoot(tree), stored: tree, layers: [] }
    },
    // Without layers to make its index again from: executed again, which costs nothing.
    revive: async (_op, stored) =>
      (await hasTree(context, { layers: [], tree: stored as Digest })) ? emptyRoot(stored as Digest) : undefined,
  }
}

function emptyRoot(tree: Digest): StepResult {
  return { kind: 'root', snapshot: { layers: [], tree } }
}
