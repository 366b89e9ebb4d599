import type { Digest } from '../../core/digest.ts'
import type { Graph, Vertex } from '../../core/graph.ts'
import type { FileChanges, MissCause } from '../../core/miss.ts'
import type { CopyAction } from '../../core/op.ts'
import { familiarName, parseReference } from '../../core/reference.ts'
import { hideCredentials, redactUrl } from '../../core/url.ts'
import type { CopyFilter } from '../../native/types.ts'
import type { SnapshotterContext } from '../../snapshotter/snapshot.ts'
import { copyPaths, filterOf } from '../drivers/file.ts'
import { baseCauses, type EarlierStep } from './base.ts'

/** Changes that are told of one input; there may be a history of many builds of many steps. */
const TOLD_FILES = 200
const TOLD_OUTPUTS = 50

/** An input whose content is another than it was. */
export interface ChangedInput {
  readonly context: SnapshotterContext
  readonly graph: Graph
  readonly vertex: Vertex
  readonly index: number
  readonly earlier: EarlierStep
  /** Its whole tree. */
  readonly before: Digest
  readonly now: Digest
}

/** What has changed in it: the base, the output of the step below, or files that the step takes of it. */
export async function inputCause(changed: ChangedInput): Promise<MissCause | undefined> {
  const { graph, vertex, index, earlier } = changed
  const source = graph.vertices[vertex.inputs[index] ?? -1]
  if (source === undefined) return undefined
  if (index > (vertex.op.kind === 'merge' ? 1 : 0)) return filesCause(changed, source)
  const below = earlier.notes[earlier.note.inputs[index] ?? -1]
  if (source.op.kind === 'image' && below !== undefined) {
    const [cause] = below.base === undefined ? [] : baseCauses(source.op, below)
    if (cause?.kind === 'base') return cause
  }
  const request = { treesDirectory: changed.context.store.layout.trees, from: changed.before, to: changed.now, paths: ['/'] }
  const differences = await known(() => changed.context.native.diff({ ...request, limit: TOLD_OUTPUTS }))
  return { kind: 'parent', step: source.name, ...differences }
}

async function filesCause(changed: ChangedInput, source: Vertex): Promise<MissCause | undefined> {
  const selections = selectionsOf(changed)
  const found: FileChanges[] = []
  for (const selection of selections) found.push(await known(() => compareSelection(changed, selection)))
  const differences = found.reduce(
    (sum, each) => ({
      changed: sum.changed + each.changed,
      total: sum.total + each.total,
      changes: [...sum.changes, ...each.changes].slice(0, TOLD_FILES),
    }),
    NOTHING,
  )
  // Other paths of a source whose files are the same: the instruction has the cause.
  if (differences.changed === 0 && differences.total > 0) return undefined
  return { kind: 'files', source: nameOf(source), ...differences }
}

const NOTHING: FileChanges = { changed: 0, total: 0, changes: [] }

/** What a step takes of an input: what a copy does, or a mount. */
type Selection = { readonly kind: 'copy'; readonly action: CopyAction } | { readonly kind: 'path'; readonly path: string }

function selectionsOf({ vertex: { op }, index }: ChangedInput): readonly Selection[] {
  if (op.kind === 'run') {
    return op.mounts.flatMap((mount) => {
      const input = mount.kind === 'bind' ? mount.input : mount.kind === 'cache' ? mount.from : undefined
      return input === index && (mount.kind === 'bind' || mount.kind === 'cache') ? [{ kind: 'path' as const, path: mount.source }] : []
    })
  }
  if (op.kind !== 'file' && op.kind !== 'merge') return []
  // Inputs of a merge stand behind what is laid over.
  const input = op.kind === 'merge' ? index - 1 : index
  return op.actions.flatMap((action) => (action.kind === 'copy' && action.input === input ? [{ kind: 'copy' as const, action }] : []))
}

async function compareSelection({ context, before, now }: ChangedInput, selection: Selection): Promise<FileChanges> {
  const paths = selection.kind === 'path' ? [selection.path] : await pathsOf(context, selection.action, before, now)
  const filter: { readonly filter?: CopyFilter } = selection.kind === 'copy' ? filterOf(selection.action) : {}
  return context.native.diff({
    treesDirectory: context.store.layout.trees,
    from: before,
    to: now,
    paths,
    ...filter,
    limit: TOLD_FILES,
  })
}

/** Wildcards may find other paths now. */
async function pathsOf(context: SnapshotterContext, action: CopyAction, before: Digest, now: Digest): Promise<readonly string[]> {
  const found = [...(await copyPaths(context, action, before)), ...(await copyPaths(context, action, now))]
  return [...new Set(found)].sort()
}

/** A tree that was removed, or a link in a circle: something has changed, and no more is known. */
async function known(compare: () => Promise<FileChanges>): Promise<FileChanges> {
  try {
    return await compare()
  } catch {
    return NOTHING
  }
}

/** As people call what files come from. */
function nameOf({ op, stage, name }: Vertex): string {
  switch (op.kind) {
    case 'local':
      return op.name === 'context' ? 'context' : `context ${op.name}`
    case 'http':
      return redactUrl(op.url)
    case 'git':
      return hideCredentials(op.remote)
    case 'image':
      return familiarName(parseReference(op.reference))
    default:
      return stage === '' ? name : `stage ${stage}`
  }
}
