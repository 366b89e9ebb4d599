import { expand } from '../expand.ts'
import type { CopyInstruction } from '../instructions/copy.ts'
import { type Problems, problem } from '../problems.ts'
import type { Program, Stage } from '../program.ts'
import type { RawInstruction } from '../source.ts'
import { contextLookup } from '../stages/contexts.ts'
import type { CompileRequest, TimeSource } from '../types.ts'
import { classifySource, remoteOp } from './remote.ts'

const EPOCH = 'SOURCE_DATE_EPOCH'

/** What the file is compiled with, once the build's time is known: stages see it as a number. */
export interface TimedRequest {
  readonly request: CompileRequest
  readonly globals: ReadonlyMap<string, string>
  /** Seconds since 1970. */
  readonly epoch: number | undefined
}

/** The years 0 to 9999: others cannot be written as RFC 3339 has it. */
const EARLIEST = -62_167_219_200
const LATEST = 253_402_300_799

/**
 * The time that SOURCE_DATE_EPOCH gives to the build (reproducible-builds.org; BuildKit, "SOURCE_DATE_EPOCH"): of the build
 * argument, else of the ARG before the first FROM; in seconds, or as the name of what has the time: `context`, a named context,
 * or a stage that only fetches. Empty, or the name of what has no time (a directory), is no time. Anything else is a problem:
 * `TSB_DOCKERFILE_EPOCH`.
 */
export async function withEpoch(
  program: Program,
  request: CompileRequest,
  globals: ReadonlyMap<string, string>,
  problems: Problems,
): Promise<TimedRequest> {
  const given = request.buildArgs.get(EPOCH) ?? globals.get(EPOCH) ?? ''
  if (given === '') return { request, globals, epoch: undefined }
  const epoch = readSeconds(given) ?? (await namedTime(program, { ...request, globals }, given, problems))
  const text = epoch === undefined ? undefined : String(epoch)
  const timed = { ...request, buildArgs: replaced(request.buildArgs, text) }
  return { request: timed, globals: replaced(globals, text), epoch }
}

/** As Go's `strconv.ParseInt`; `undefined` for what is no number. */
function readSeconds(text: string): number | undefined {
  const seconds = /^[+-]?\d{1,18}$/.test(text) ? Number(text) : Number.NaN
  return seconds >= EARLIEST && seconds <= LATEST ? seconds : undefined
}

interface Given extends CompileRequest {
  readonly globals: ReadonlyMap<string, string>
}

async function namedTime(program: Program, given: Given, name: string, problems: Problems): Promise<number | undefined> {
  const source = problems.attempt(undefined, () => timeSource(program, given, name))
  const time = source === undefined ? undefined : await given.timeOf?.(source)
  return time === undefined ? undefined : Math.floor(time)
}

/** @throws TsbError `TSB_DOCKERFILE_EPOCH`, and what is wrong with the stage's ADD */
function timeSource(program: Program, given: Given, name: string): TimeSource {
  if (name === 'context') return { kind: 'context', name }
  const found = contextLookup(given.contexts)(name, given.platform)
  if (found !== undefined) return { kind: 'context', name: found.name }
  const stage = program.stages.find(({ from }) => from.name.toLowerCase() === name.toLowerCase())
  if (stage === undefined) throw invalid(program, given, name)
  return stageSource(stage, given)
}

/** What a stage fetches that does nothing else. */
function stageSource(stage: Stage, { buildArgs, globals }: Given): TimeSource {
  const scope = new Map([...globals].filter(([name]) => name !== EPOCH))
  const expanded = (text: string, raw: RawInstruction): string => expand(text, (name) => scope.get(name), { escape: raw.escape }).text
  if (expanded(stage.from.base, stage.from.raw) !== 'scratch') throw unsuitable('does not begin with `FROM scratch`', stage.from.raw)
  let add: CopyInstruction | undefined
  for (const instruction of stage.instructions) {
    const { raw } = instruction
    if (instruction.kind === 'arg') {
      for (const { name, value } of instruction.args) {
        const chosen = buildArgs.get(name) ?? (value === undefined ? undefined : expanded(value, raw))
        if (chosen !== undefined) scope.set(name, chosen)
      }
    } else if (instruction.kind !== 'copy' || instruction.command !== 'ADD') throw unsuitable(`has a \`${raw.name}\``, raw)
    else if (add !== undefined) throw unsuitable('has a second `ADD`', raw)
    else add = instruction
  }
  const [written, more] = add?.sources ?? []
  if (add === undefined || written === undefined || more !== undefined || add.inline.length > 0) {
    throw unsuitable('does not fetch exactly one thing', add?.raw ?? stage.from.raw)
  }
  const source = expanded(written, add.raw)
  const kind = classifySource(add, source)
  if (kind.kind === 'path') throw unsuitable('adds what is not fetched', add.raw)
  const checksum = add.checksum === undefined ? '' : expanded(add.checksum, add.raw)
  return remoteOp(add, source, kind, { checksum, keepGitDir: add.keepGitDir })
}

function unsuitable(what: string, raw: RawInstruction): ReturnType<typeof problem> {
  const hint = 'let the stage be `FROM scratch` and one `ADD` of a URL or a git repository'
  return problem('TSB_DOCKERFILE_EPOCH', `the stage that \`${EPOCH}\` names ${what}`, raw.span, hint)
}

/** What was given is set anew, and nothing else is set. */
function replaced(values: ReadonlyMap<string, string>, text: string | undefined): ReadonlyMap<string, string> {
  if (!values.has(EPOCH)) return values
  const copy = new Map(values)
  if (text === undefined) copy.delete(EPOCH)
  else copy.set(EPOCH, text)
  return copy
}

function invalid(program: Program, request: CompileRequest, text: string): ReturnType<typeof problem> {
  const inFile = request.buildArgs.has(EPOCH) ? undefined : program.globalArgs.find(({ args }) => args.some(({ name }) => name === EPOCH))
  const hint = 'give seconds since 1970, `context`, or the name of a `--build-context` or stage'
  return problem('TSB_DOCKERFILE_EPOCH', `\`${text}\` of \`${EPOCH}\` is not a time`, inFile?.raw.span, hint)
}
