import { posix } from 'node:path'
import type { FileMode } from '../../core/file-mode.ts'
import type { VertexId } from '../../core/graph.ts'
import type { CopyAction, FileAction, WriteAction } from '../../core/op.ts'
import { patternRule } from '../../core/pattern.ts'
import { readFileMode } from '../chmod.ts'
import type { CopyInstruction, InlineSource } from '../instructions/copy.ts'
import { checkCopyIgnoredFile } from '../lint/copy-ignored-file.ts'
import { problem } from '../problems.ts'
import type { RawInstruction } from '../source.ts'
import { displayText } from './names.ts'
import { sourceOf } from './source.ts'
import { addHistory, expandBody, expandIn, type LowerContext, placed, type StageState } from './state.ts'

/** COPY, and ADD of local files: one file op, with all paths in order and then the here-documents. */
export function lowerCopy(instruction: CopyInstruction, state: StageState, context: LowerContext): void {
  const { raw, command } = instruction
  const expanded = (text: string): string => expandIn(state, context, raw, text).text
  // In BuildKit's order, which its warnings show.
  const chown = instruction.chown === undefined ? '' : expanded(instruction.chown)
  const chmod = instruction.chmod === undefined ? '' : expanded(instruction.chmod)
  const sources = instruction.sources.map(expanded)
  const destination = expanded(instruction.destination)
  const inline = instruction.inline.map((source) => expandInline(source, state, context, raw))
  for (const source of sources) refuseRemote(instruction, source)
  const ignore = instruction.from === undefined ? context.request.ignore : undefined
  for (const source of sources) checkCopyIgnoredFile(raw, source, ignore, context.checks)
  const target: Target = {
    destination: resolveDestination(state, destination),
    ...(chown === '' ? {} : { chown }),
    ...(chmod === '' ? {} : { chmod: readMode(instruction, chmod) }),
  }
  const copies = copyActions(instruction, sources, target)
  const actions: readonly FileAction[] = [...copies, ...inline.map((source) => writeAction(source, target))]
  const inputs = copies.length === 0 ? [] : [sourceVertex(instruction, state, context, sources.map(anchor))]
  const name = state.names.next(displayText(raw, state.variables))
  state.vertex = context.graph.add({
    op: { kind: 'file', actions },
    inputs: [state.vertex, ...inputs],
    name,
    stage: state.id,
    span: raw.span,
    ignoreCache: context.request.noCache,
  })
  const parents = instruction.parents ? ['--parents'] : []
  const flags = [...parents, ...(chown === '' ? [] : [`--chown=${chown}`]), ...(chmod === '' ? [] : [`--chmod=${chmod}`])]
  const texts = [...sources, ...inline.map((source) => `<<${source.name}`)]
  addHistory(state, `${[command, ...flags, ...texts, destination].join(' ')} # buildkit`, true)
}

/** Where all sources of one instruction go, and what they become there. */
type Target = Pick<CopyAction, 'destination' | 'chown' | 'chmod'>

/** One action for all paths; with `--parents` one for each, since each has a directory and a pattern of its own. */
function copyActions(
  { raw, parents, exclude, unpack }: CopyInstruction,
  sources: readonly string[],
  target: Target,
): readonly CopyAction[] {
  const common = { kind: 'copy', input: 1, unpack, ...target, ...(exclude.length === 0 ? {} : { exclude }) } as const
  if (!parents) return sources.length === 0 ? [] : [{ ...common, sources: sources.map(anchor) }]
  return sources.map((source) => {
    const pivot = source.indexOf(PIVOT)
    const base = pivot < 0 ? '/' : source.slice(0, pivot)
    const below = anchor(pivot < 0 ? source : source.slice(pivot + PIVOT.length)).slice(1)
    placed(raw, source, () => patternRule(below))
    return { ...common, sources: [anchor(base)], parents: below }
  })
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

function refuseRemote(instruction: CopyInstruction, source: string): void {
  const isUrl = /^https?:\/\//.test(source)
  const isGit = /^(git|ssh):\/\/|^[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+:/.test(source) || (isUrl && /\.git(#.*|\?.*)?$/.test(source))
  if (!isUrl && !isGit) return
  const { raw, command } = instruction
  const what = isGit ? 'a git repository' : 'a URL'
  const span = raw.places.word(source)
  if (command === 'COPY')
    throw problem('TSB_DOCKERFILE_COPY_REMOTE', `\`COPY\` cannot take ${what}`, span, 'download it in a `RUN`, or use `ADD`')
  throw problem('TSB_DOCKERFILE_UNSUPPORTED', `\`ADD\` of ${what} is not supported yet`, span, 'download it in a `RUN`')
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
  const path = posix.resolve('/', state.config.WorkingDir ?? '/', destination)
  const directory = destination === '' || destination === '.' || /(^|\/)\.?$/.test(destination)
  return directory && path !== '/' ? `${path}/` : path
}
