import { posix } from 'node:path'
import type { FileMode } from '../../core/file-mode.ts'
import type { VertexId } from '../../core/graph.ts'
import type { CopyAction, FileAction, FileOp, WriteAction } from '../../core/op.ts'
import { patternRule } from '../../core/pattern.ts'
import { hideCredentials } from '../../core/url.ts'
import { readFileMode } from '../chmod.ts'
import type { CopyInstruction, InlineSource } from '../instructions/copy.ts'
import { checkCopyIgnoredFile } from '../lint/copy-ignored-file.ts'
import { problem } from '../problems.ts'
import type { RawInstruction } from '../source.ts'
import { displayText, shownVariables } from './names.ts'
import { classifySource, type RemoteSource, refuseChecksum, remoteSource, type SourceKind } from './remote.ts'
import { sourceOf } from './source.ts'
import { addHistory, expandBody, expandIn, ignoresCache, type LowerContext, placed, type StageState } from './state.ts'

/** COPY and ADD: one file op, with all sources in order and then the here-documents. What is elsewhere is fetched by an op of its own. */
export function lowerCopy(instruction: CopyInstruction, state: StageState, context: LowerContext): void {
  const { raw, command } = instruction
  const expanded = (text: string): string => expandIn(state, context, raw, text).text
  // In BuildKit's order, which its warnings show.
  const chown = instruction.chown === undefined ? '' : expanded(instruction.chown)
  const chmod = instruction.chmod === undefined ? '' : expanded(instruction.chmod)
  const checksum = instruction.checksum === undefined ? '' : expanded(instruction.checksum)
  const sources = instruction.sources.map(expanded)
  const destination = expanded(instruction.destination)
  const inline = instruction.inline.map((source) => expandInline(source, state, context, raw))
  const kinds = sources.map((source) => classifySource(instruction, source))
  if (checksum !== '') refuseChecksum(instruction, kinds)
  const ignore = instruction.from === undefined ? context.request.ignore : undefined
  const locate = (source: string, kind: SourceKind): RemoteSource | string =>
    kind.kind === 'path'
      ? source
      : remoteSource(instruction, source, kind, { checksum, keepGitDir: instruction.keepGitDir }, state, context)
  const located = sources.map((source, index) => locate(source, kinds[index] as SourceKind))
  const paths = located.filter((source) => typeof source === 'string')
  for (const path of paths) checkCopyIgnoredFile(raw, path, ignore, context.checks)
  const target: Target = {
    destination: resolveDestination(state, destination),
    ...(chown === '' ? {} : { chown }),
    ...(chmod === '' ? {} : { chmod: readMode(instruction, chmod) }),
  }
  const inputs = paths.length === 0 ? [] : [sourceVertex(instruction, state, context, paths.map(anchor))]
  const copies = copyActions(instruction, located, target, inputs)
  const actions: readonly FileAction[] = [...copies, ...inline.map((source) => writeAction(source, target))]
  addCopy({ kind: 'file', actions }, inputs, instruction.link && !/[^\d:]/.test(chown), raw, state, context)
  const parents = instruction.parents ? ['--parents'] : []
  const flags = [...parents, ...(chown === '' ? [] : [`--chown=${chown}`]), ...(chmod === '' ? [] : [`--chmod=${chmod}`])]
  const texts = [...sources, ...inline.map((source) => `<<${source.name}`)]
  addHistory(state, `${[command, ...flags, ...texts, destination].join(' ')} # buildkit`, true)
}

/** Adds the copy to the stage's root, or on nothing and then over the root. Names of owners are the root's matter. */
function addCopy(
  op: FileOp,
  inputs: readonly VertexId[],
  link: boolean,
  raw: RawInstruction,
  state: StageState,
  context: LowerContext,
): void {
  const text = hideCredentials(displayText(raw, shownVariables(state.variables, context.request.buildArgs)))
  const name = state.names.next(text)
  const ignoreCache = ignoresCache(state, context, 'copy')
  const common = { text: hideCredentials(raw.text), stage: state.id, span: raw.span, ignoreCache }
  const root = link ? context.graph.scratch() : state.vertex
  const copied = context.graph.add({ op, inputs: [root, ...inputs], name, ...common })
  if (!link) state.vertex = copied
  else {
    const merge = {
      op: { kind: 'merge', actions: op.actions },
      inputs: [state.vertex, copied, ...inputs],
      name: state.names.again(`LINK ${text}`),
    } as const
    state.vertex = context.graph.add({ ...merge, ...common })
  }
}

/** Where all sources of one instruction go, and what they become there. */
type Target = Pick<CopyAction, 'destination' | 'chown' | 'chmod'>

/**
 * One action for paths that stand side by side, and one for each download, whose vertex joins the inputs. With `--parents` one for
 * each, since each has a directory and a pattern of its own.
 */
function copyActions(
  { raw, parents, exclude, unpack }: CopyInstruction,
  sources: readonly (string | RemoteSource)[],
  target: Target,
  inputs: VertexId[],
): readonly CopyAction[] {
  const more = { ...target, ...(exclude.length === 0 ? {} : { exclude }) }
  const common = { kind: 'copy', input: 1, unpack: unpack ?? true, ...more } as const
  const actions: CopyAction[] = []
  let paths: string[] = []
  for (const source of sources) {
    if (typeof source !== 'string') {
      inputs.push(source.vertex)
      actions.push({ kind: 'copy', input: inputs.length, sources: [source.path], unpack: unpack === true && source.isFile, ...more })
      paths = []
    } else if (parents) actions.push({ ...common, ...belowPivot(raw, source) })
    else if (paths.push(anchor(source)) === 1) actions.push({ ...common, sources: paths })
  }
  return actions
}

function belowPivot(raw: RawInstruction, source: string): Pick<CopyAction, 'sources' | 'parents'> {
  const pivot = source.indexOf(PIVOT)
  const base = pivot < 0 ? '/' : source.slice(0, pivot)
  const below = anchor(pivot < 0 ? source : source.slice(pivot + PIVOT.length)).slice(1)
  placed(raw, source, () => patternRule(below))
  return { sources: [anchor(base)], parents: below }
}

/** What stands before it in a source is left out at the destination. */
const PIVOT = '/./'

function expandInline(source: InlineSource, state: StageState, context: LowerContext, raw: RawInstruction): InlineSource {
  if (!source.expand) return source
  return { ...source, content: expandBody(state, context, raw, source.content) }
}

/** BuildKit writes the content to a file of the delimiter's name first, with nothing around it. */
function writeAction({ name, content }: InlineSource, target: Target): WriteAction {
  return { kind: 'write', name: posix.basename(name), content, mode: 0o644, ...target }
}

function sourceVertex(instruction: CopyInstruction, state: StageState, context: LowerContext, paths: readonly string[]): VertexId {
  if (instruction.from !== undefined) return sourceOf(instruction.from, instruction.raw, state, context, paths)
  return context.graph.files('context', paths)
}

function readMode(instruction: CopyInstruction, text: string): FileMode {
  const mode = readFileMode(text)
  if (mode !== undefined) return mode
  const hint = 'write it in octal, up to 7777, or as changes: `--chmod=755`, `--chmod=u=rwX,go=rX`'
  throw problem('TSB_DOCKERFILE_CHMOD', `\`${text}\` is not a mode`, instruction.raw.places.word('--chmod'), hint)
}

/** Cleaned, and below the root of where it comes from: `..` cannot leave it. */
function anchor(source: string): string {
  const path = posix.normalize(`/${source}`)
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

/** Absolute; ends in a slash where the text says that it is a directory. */
function resolveDestination(state: StageState, destination: string): string {
  const path = posix.resolve('/', state.config.fields.WorkingDir ?? '/', destination)
  const directory = destination === '' || destination === '.' || /(^|\/)\.?$/.test(destination)
  return directory && path !== '/' ? `${path}/` : path
}
