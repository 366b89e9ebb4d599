import type { CommitResult } from '../../native/types.ts'
import { type Committed, commit, commitChange } from '../../snapshotter/commit.ts'
import { layersUsable, type Snapshot } from '../../snapshotter/snapshot.ts'
import { hasTree } from '../../snapshotter/tree.ts'
import type { Workspace } from '../../snapshotter/workspace.ts'
import type { Executed, Execution } from '../../solver/driver.ts'
import { rootAbove, type StepResult } from './result.ts'
import { type StandIns, type StoredLayer, standIns } from './stand-in.ts'
import type { StepContext } from './step-context.ts'

/** Ends a step that wrote to a root: its workspace becomes a layer, or an earlier layer that says the same stands in. */
export async function commitStep(
  context: StepContext,
  workspace: Workspace,
  root: Snapshot,
  execution: Execution,
): Promise<Executed<StepResult>> {
  const known = standIns(context, execution)
  return executed(context, await commit(context, workspace, root, known.find), known)
}

/** As `commitStep`, for a step that knows what it wrote. */
export async function commitStepChange(
  context: StepContext,
  workspace: Workspace,
  root: Snapshot,
  change: CommitResult,
  execution: Execution,
): Promise<Executed<StepResult>> {
  const known = standIns(context, execution)
  return executed(context, await commitChange(context, workspace, root, change, known.find), known)
}

function executed({ volatile }: StepContext, { snapshot, layer, delta, isNew }: Committed, { unchanged }: StandIns): Executed<StepResult> {
  // The one that was found may have gone before it was pinned.
  const stands = isNew ? undefined : unchanged
  const isExcepted = stands !== undefined && stands.except.length > 0
  const stored: StoredLayer = { layer, tree: snapshot.tree, ...(isExcepted ? { volatile } : {}) }
  return {
    result: { kind: 'root', snapshot },
    stored: JSON.stringify(stored),
    layers: isNew ? [layer] : [],
    delta,
    ...(stands === undefined ? {} : { unchanged: stands }),
  }
}

/** Whether a build that wants these paths to be volatile may have a recorded step: one that stands only by such paths is of no other. */
export function servesStep({ volatile: wanted }: StepContext, stored: string): boolean {
  return volatileOf(stored).every((pattern) => wanted.includes(pattern))
}

/** The patterns by which a recorded step stands. */
export function volatileOf(stored: string): readonly string[] {
  return (JSON.parse(stored) as StoredLayer).volatile ?? []
}

/** Stacks a recorded layer on the root it is asked for now, which has the tree it was made on. */
export async function reviveStep(context: StepContext, stored: string, inputs: readonly StepResult[]): Promise<StepResult | undefined> {
  const { layer, tree } = JSON.parse(stored) as StoredLayer
  if (!layersUsable(context.store, [layer])) return undefined
  const result = rootAbove(inputs, [layer], tree)
  return (await hasTree(context, result.snapshot)) ? result : undefined
}
