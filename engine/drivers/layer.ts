import type { Digest } from '../../core/digest.ts'
import type { CommitResult } from '../../native/types.ts'
import { type Committed, commit, commitChange, type FindStandIn, type StandIn } from '../../snapshotter/commit.ts'
import { layersUsable, type Snapshot, type SnapshotterContext } from '../../snapshotter/snapshot.ts'
import { hasTree } from '../../snapshotter/tree.ts'
import type { Workspace } from '../../snapshotter/workspace.ts'
import type { Executed, Execution, Unchanged } from '../../solver/driver.ts'
import { rootOf, type StepResult } from './result.ts'

/** What a record keeps of a step that adds one layer: the layer and the tree it leads to. The layers below are the input's. */
interface StoredLayer {
  readonly layer: string
  readonly tree: Digest
}

/** Ends a step that wrote to a root: its workspace becomes a layer, or an earlier layer that says the same stands in. */
export async function commitStep(
  context: SnapshotterContext,
  workspace: Workspace,
  root: Snapshot,
  execution: Execution,
): Promise<Executed<StepResult>> {
  const known = standIns(context, execution)
  return executed(await commit(context, workspace, root, known.find), known)
}

/** As `commitStep`, for a step that knows what it wrote. */
export async function commitStepChange(
  context: SnapshotterContext,
  workspace: Workspace,
  root: Snapshot,
  change: CommitResult,
  execution: Execution,
): Promise<Executed<StepResult>> {
  const known = standIns(context, execution)
  return executed(await commitChange(context, workspace, root, change, known.find), known)
}

function executed({ snapshot, layer, delta, isNew }: Committed, { unchanged }: StandIns): Executed<StepResult> {
  const stored: StoredLayer = { layer, tree: snapshot.tree }
  return {
    result: { kind: 'root', snapshot },
    stored: JSON.stringify(stored),
    layers: isNew ? [layer] : [],
    delta,
    ...(unchanged === undefined ? {} : { unchanged }),
  }
}

/** Stacks a recorded layer on the root it is asked for now, which has the tree it was made on. */
export async function reviveStep(
  context: SnapshotterContext,
  stored: string,
  inputs: readonly StepResult[],
): Promise<StepResult | undefined> {
  const { layer, tree } = JSON.parse(stored) as StoredLayer
  if (!layersUsable(context.store, [layer])) return undefined
  const snapshot: Snapshot = { layers: [...rootOf(inputs).layers, layer], tree }
  return (await hasTree(context, snapshot)) ? { kind: 'root', snapshot } : undefined
}

/** The search for an earlier layer, and what it has found out. */
interface StandIns {
  readonly find: FindStandIn
  unchanged: Unchanged | undefined
}

/**
 * Of the same step on the same root, an earlier layer with the same outcome: then the step's output is unchanged. Else, of the same step
 * on whatever root, one with the same change.
 */
function standIns(context: SnapshotterContext, execution: Execution): StandIns {
  const found: { find: FindStandIn; unchanged: Unchanged | undefined } = { find, unchanged: undefined }
  return found

  async function find({ tree, delta }: CommitResult): Promise<StandIn | undefined> {
    const earlier = execution.findEarlier().flatMap((stored) => usableLayer(context, stored) ?? [])
    const same = earlier.find((each) => each.tree === tree)
    if (same !== undefined) {
      found.unchanged = { except: [] }
      return same
    }
    const twin = execution.findTwin(delta)
    const layer = twin === undefined ? undefined : usableLayer(context, twin)?.layer
    return layer === undefined ? undefined : { layer, tree }
  }
}

/** The layer of a record, if it is still there. A record of another op may have none. */
function usableLayer(context: SnapshotterContext, stored: string): StandIn | undefined {
  const { layer, tree } = JSON.parse(stored) as Partial<StoredLayer>
  if (layer === undefined || tree === undefined || !layersUsable(context.store, [layer])) return undefined
  return { layer, tree }
}
