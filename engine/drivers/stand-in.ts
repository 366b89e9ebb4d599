import type { Digest } from '../../core/digest.ts'
import type { CommitResult } from '../../native/types.ts'
import type { FindStandIn, StandIn } from '../../snapshotter/commit.ts'
import { layersUsable } from '../../snapshotter/snapshot.ts'
import { hasTree } from '../../snapshotter/tree.ts'
import type { Execution, Unchanged } from '../../solver/driver.ts'
import type { StepContext } from './step-context.ts'

/** What a record keeps of a step that adds one layer: the layer and the tree it leads to. The layers below are the input's. */
export interface StoredLayer {
  readonly layer: string
  readonly tree: Digest
  /** The patterns without which the step's output would have been another one: only who wants them too may use it. */
  readonly volatile?: readonly string[]
}

/** The search for an earlier layer, and what it has found out. */
export interface StandIns {
  readonly find: FindStandIn
  readonly unchanged: Unchanged | undefined
}

/** More are counted, not told. */
const TOLD_PATHS = 100

/**
 * Of the same step on the same root, an earlier layer with the same outcome, or one that differs in volatile paths only: then the step's
 * output is unchanged, and the earlier one stands as a whole. Else, of the same step on whatever root, a layer with the same change.
 */
export function standIns(context: StepContext, execution: Execution): StandIns {
  const found: { find: FindStandIn; unchanged: Unchanged | undefined } = { find, unchanged: undefined }
  return found

  async function find({ tree, delta }: CommitResult): Promise<StandIn | undefined> {
    const earlier = execution.findEarlier().flatMap((stored) => usableLayer(context, stored) ?? [])
    const same = earlier.find((each) => each.tree === tree)
    if (same !== undefined) {
      found.unchanged = { except: [] }
      return same
    }
    for (const each of context.volatile.length === 0 ? [] : earlier) {
      const except = await volatileChanges(context, each.tree, tree)
      if (except === undefined) continue
      found.unchanged = { except }
      return each
    }
    const twin = execution.findTwin(delta)
    const layer = twin === undefined ? undefined : usableLayer(context, twin)?.layer
    return layer === undefined ? undefined : { layer, tree }
  }
}

/** The layer of a record, if it is still there. A record of another op may have none. */
function usableLayer(context: StepContext, stored: string): StandIn | undefined {
  const { layer, tree } = JSON.parse(stored) as Partial<StoredLayer>
  if (layer === undefined || tree === undefined || !layersUsable(context.store, [layer])) return undefined
  return { layer, tree }
}

/** Where two roots differ, when they do so in volatile paths only. */
async function volatileChanges(context: StepContext, from: Digest, to: Digest): Promise<readonly string[] | undefined> {
  const { steady: filter } = context
  if (filter === undefined || !(await hasTree(context, { layers: [], tree: from }))) return undefined
  const request = { treesDirectory: context.store.layout.trees, from, to, paths: ['/'] }
  const { changed } = await context.native.diff({ ...request, filter, limit: 0 })
  if (changed > 0) return undefined
  const { changes } = await context.native.diff({ ...request, limit: TOLD_PATHS })
  return changes.map(({ path }) => path.replace(/^\//, ''))
}
