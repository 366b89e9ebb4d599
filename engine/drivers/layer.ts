import type { Digest } from '../../core/digest.ts'
import type { CommitResult } from '../../native/types.ts'
import { type Committed, commit, commitChange } from '../../snapshotter/commit.ts'
import { layersUsable, type Snapshot, type SnapshotterContext } from '../../snapshotter/snapshot.ts'
import { hasTree } from '../../snapshotter/tree.ts'
import type { Workspace } from '../../snapshotter/workspace.ts'
import type { Executed, Execution } from '../../solver/driver.ts'
import { rootOf, type StepResult } from './result.ts'

/** What a record keeps of a step that adds one layer: the layer and the tree it leads to. The layers below are the input's. */
interface StoredLayer {
  readonly layer: string
  readonly tree: Digest
}

/** Ends a step that wrote to a root: its workspace becomes a layer, or an earlier layer of the same change stands in. */
export async function commitStep(
  context: SnapshotterContext,
  workspace: Workspace,
  root: Snapshot,
  execution: Execution,
): Promise<Executed<StepResult>> {
  return executed(await commit(context, workspace, root, (delta) => twinLayer(context, execution, delta)))
}

/** As `commitStep`, for a step that knows what it wrote. */
export function commitStepChange(
  context: SnapshotterContext,
  workspace: Workspace,
  root: Snapshot,
  change: CommitResult,
  execution: Execution,
): Executed<StepResult> {
  return executed(commitChange(context, workspace, root, change, (delta) => twinLayer(context, execution, delta)))
}

function executed({ snapshot, layer, delta, isNew }: Committed): Executed<StepResult> {
  const stored: StoredLayer = { layer, tree: snapshot.tree }
  return { result: { kind: 'root', snapshot }, stored: JSON.stringify(stored), layers: isNew ? [layer] : [], delta }
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

/** The layer of an earlier execution of this op that made this change, if it is still there. */
function twinLayer(context: SnapshotterContext, execution: Execution, delta: Digest): string | undefined {
  const stored = execution.findTwin(delta)
  const layer = stored === undefined ? undefined : (JSON.parse(stored) as StoredLayer).layer
  return layer !== undefined && layersUsable(context.store, [layer]) ? layer : undefined
}
