import { posix } from 'node:path'
import { type Canonical, canonicalDigest } from '../../core/canonical.ts'
import type { Digest } from '../../core/digest.ts'
import type { CopyAction, FileAction, FileOp } from '../../core/op.ts'
import { hasWildcard } from '../../core/pattern.ts'
import type { ChangeAction, ChangeSource, CopyFilter } from '../../native/types.ts'
import { layerPaths, type SnapshotterContext } from '../../snapshotter/snapshot.ts'
import { copyFilter, resolveSource } from '../../snapshotter/sources.ts'
import { openWorkspace } from '../../snapshotter/workspace.ts'
import type { Driver, Executed, Execution } from '../../solver/driver.ts'
import { commitStepChange, reviveStep, servesStep } from './layer.ts'
import { sourceMissing } from './missing.ts'
import { rootOf, type StepResult, treeOf } from './result.ts'
import type { StepContext } from './step-context.ts'

/** COPY, ADD and WORKDIR: straight onto a snapshot, without a container. */
export function fileDriver(context: StepContext): Driver<FileOp, StepResult> {
  return {
    recorded: true,
    facts,
    kin: facts,
    trees: (inputs) => inputs.map(treeOf),
    inputDigests: async (op, inputs) => {
      const digests = inputs.map(async (input, index) => (index === 0 ? treeOf(input) : selectionDigest(context, op, input, index)))
      return Promise.all(digests)
    },
    execute: (op, inputs, execution) => execute(context, op, inputs, execution),
    serves: (stored) => servesStep(context, stored),
    revive: (_op, stored, inputs) => reviveStep(context, stored, inputs),
  }
}

function facts({ actions }: FileOp): Canonical {
  return { kind: 'file', actions: actions.map(factsOf) }
}

/** Sources and what is taken of them are left out: what they select is in the input's digest, by content. */
function factsOf(action: FileAction): Canonical {
  if (action.kind !== 'copy') return { ...action }
  const { sources: _sources, parents: _parents, exclude: _exclude, ...facts } = action
  return facts
}

/** Digest of exactly the paths that the op copies from one input, under the names it copies them. */
async function selectionDigest(context: SnapshotterContext, op: FileOp, input: StepResult, index: number): Promise<Digest> {
  const selections: Canonical[] = []
  for (const action of op.actions) {
    if (action.kind !== 'copy' || action.input !== index) continue
    const paths = await copyPaths(context, action, treeOf(input))
    const request = { treesDirectory: context.store.layout.trees, tree: treeOf(input), paths, ...filterOf(action) }
    const selected = await context.native.select(request)
    const missing = selected.entries.indexOf(null)
    if (missing >= 0) throw await sourceMissing(context, input, paths[missing] ?? '')
    const unfound = unfoundBelow(action, selected.empty)
    if (unfound !== undefined) throw await sourceMissing(context, input, unfound)
    selections.push({ names: paths.map((path) => posix.basename(path)), content: selected.digest })
  }
  return canonicalDigest(selections)
}

async function execute(
  context: StepContext,
  op: FileOp,
  given: readonly StepResult[],
  execution: Execution,
): Promise<Executed<StepResult>> {
  const inputs = await context.present(given, execution)
  const root = rootOf(inputs)
  await using workspace = await openWorkspace(context)
  const change = await context.native.change(
    {
      layers: layerPaths(context.store, root),
      parent: root.tree,
      upper: workspace.upper,
      sources: inputs.slice(1).map((input) => changeSource(context, input)),
      actions: await Promise.all(op.actions.map((action) => changeAction(context, action, inputs))),
      treesDirectory: context.store.layout.trees,
    },
    execution.signal,
  )
  // Awaited here: the workspace must not go before it is committed.
  return await commitStepChange(context, workspace, root, change, execution)
}

/** Bytes that the op's copies take on the disk, before any of it is there; of what an archive unpacks to it knows nothing. */
export async function copiedBytes(context: SnapshotterContext, { actions }: FileOp, inputs: readonly StepResult[]): Promise<number> {
  const treesDirectory = context.store.layout.trees
  const weights = actions.map(async (action) => {
    const input = action.kind === 'copy' ? inputs[action.input] : undefined
    if (action.kind !== 'copy' || input === undefined) return 0
    const paths = await copyPaths(context, action, treeOf(input))
    return context.native.weigh({ treesDirectory, tree: treeOf(input), paths, ...filterOf(action) })
  })
  return (await Promise.all(weights)).reduce((sum, bytes) => sum + bytes, 0)
}

/** The paths of a tree that a copy takes. */
export async function copyPaths(context: SnapshotterContext, action: CopyAction, tree: Digest): Promise<readonly string[]> {
  const resolved = await Promise.all(action.sources.map((source) => resolveSource(context, tree, source)))
  const paths = resolved.flat()
  return action.parents === undefined ? paths : directoriesOf(context, tree, paths)
}

/** What is no directory has nothing below it. BuildKit finds it only where something else has sent it. */
async function directoriesOf(context: SnapshotterContext, tree: Digest, paths: readonly string[]): Promise<readonly string[]> {
  const { entries } = await context.native.select({ treesDirectory: context.store.layout.trees, tree, paths })
  return paths.filter((_, index) => entries[index] === null || entries[index]?.type === 'directory')
}

/** Where a native copy takes the files of a result from. */
export function changeSource(context: SnapshotterContext, input: StepResult): ChangeSource {
  if (input.kind === 'directory') {
    context.store.pins.hold({ trees: [input.tree] })
    return { kind: 'directory', root: input.local.directory.root, tree: input.tree }
  }
  return { kind: 'layers', layers: layerPaths(context.store, input.snapshot), tree: input.snapshot.tree }
}

async function changeAction(context: SnapshotterContext, action: FileAction, inputs: readonly StepResult[]): Promise<ChangeAction> {
  if (action.kind !== 'copy') return action
  const input = inputs[action.input]
  if (input === undefined) throw new Error(`no input ${action.input}`)
  return {
    kind: 'copy',
    source: action.input - 1,
    paths: await copyPaths(context, action, treeOf(input)),
    destination: action.destination,
    unpack: action.unpack,
    ...filterOf(action),
    ...(action.chown === undefined ? {} : { chown: action.chown }),
    ...(action.chmod === undefined ? {} : { chmod: action.chmod }),
  }
}

/** What a copy takes of the directories among them. */
export function filterOf(action: CopyAction): { readonly filter?: CopyFilter } {
  const filter = copyFilter(action.parents, action.exclude)
  return filter === undefined ? {} : { filter }
}

/** What a copy with `--parents` names without wildcards, if it has not found it; `empty` says that of the directory it names. */
function unfoundBelow({ parents, sources }: CopyAction, empty: readonly boolean[]): string | undefined {
  const source = sources[0]
  if (parents === undefined || source === undefined || hasWildcard(source)) return undefined
  if (empty[0] === undefined) return source
  return empty[0] && !hasWildcard(parents) ? posix.join(source, parents) : undefined
}
