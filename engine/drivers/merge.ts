import type { Canonical } from '../../core/canonical.ts'
import type { Digest } from '../../core/digest.ts'
import type { FileOp, MergeOp } from '../../core/op.ts'
import type { SnapshotterContext } from '../../snapshotter/snapshot.ts'
import { hasTree } from '../../snapshotter/tree.ts'
import type { Driver } from '../../solver/driver.ts'
import { rootAbove, rootOf, type StepResult, treeOf } from './result.ts'

/**
 * COPY --link: layers on layers. Nothing is copied, only the tree of both together is made: the layer serves every root. A root whose
 * directories the layer would change, or that has a link or something else in the way, gets a copy of its own: BuildKit lays the layer
 * over it all the same, and a `/tmp` is for its owner only then.
 */
export function mergeDriver(context: SnapshotterContext, files: Driver<FileOp, StepResult>): Driver<MergeOp, StepResult> {
  const facts = (op: MergeOp): Canonical => ({ ...(files.facts(copyOf(op)) as object), kind: 'merge' })
  return {
    recorded: true,
    facts,
    kin: facts,
    trees: (inputs) => inputs.map(treeOf),
    inputDigests: async (op, inputs, signal) => {
      const [root, ...sources] = await files.inputDigests(copyOf(op), withoutLinked(inputs), signal)
      return [root as Digest, ...inputs.slice(1, 2).map(treeOf), ...sources]
    },
    execute: async (op, inputs, execution) => {
      const [lower, upper] = [rootOf(inputs), rootOf(inputs.slice(1))]
      const treesDirectory = context.store.layout.trees
      const tree = await context.native.layOver({ treesDirectory, lower: lower.tree, upper: upper.tree })
      if (tree === null) return files.execute(copyOf(op), withoutLinked(inputs), execution)
      const stored = JSON.stringify({ merged: tree } satisfies StoredMerge)
      const unchanged = execution.findEarlier().includes(stored) ? { unchanged: { except: [] } } : {}
      return { result: merged(inputs, tree), stored, layers: [], ...unchanged }
    },
    serves: (stored) => files.serves?.(stored) ?? true,
    revive: async (op, stored, inputs) => {
      const { merged: tree } = JSON.parse(stored) as Partial<StoredMerge>
      if (tree === undefined) return files.revive(copyOf(op), stored, withoutLinked(inputs))
      const result = merged(inputs, tree)
      return (await hasTree(context, result.snapshot)) ? result : undefined
    },
  }
}

/** What a record keeps of layers on layers; that of a copy is the copy's own. */
interface StoredMerge {
  readonly merged: Digest
}

function copyOf({ actions }: MergeOp): FileOp {
  return { kind: 'file', actions }
}

/** The inputs of the copy on the root itself. */
function withoutLinked([root, _linked, ...sources]: readonly StepResult[]): readonly StepResult[] {
  return root === undefined ? sources : [root, ...sources]
}

/** A layer of nothing but additions says the same on any root. */
function merged(inputs: readonly StepResult[], tree: Digest): StepResult & { readonly kind: 'root' } {
  return rootAbove(inputs, rootOf(inputs.slice(1)).layers, tree)
}
