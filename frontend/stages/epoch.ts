import { type Problems, problem } from '../problems.ts'
import type { Program } from '../program.ts'
import type { CompileRequest } from '../types.ts'
import { contextLookup } from './contexts.ts'

export const EPOCH = 'SOURCE_DATE_EPOCH'

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
 * argument, else of the ARG before the first FROM; in seconds, or as the name of what has the time: `context`, or a named
 * context. Empty, or the name of what has no time (a directory), is no time. Anything else is a problem: `TSB_DOCKERFILE_EPOCH`.
 */
export async function withEpoch(
  program: Program,
  request: CompileRequest,
  globals: ReadonlyMap<string, string>,
  problems: Problems,
): Promise<TimedRequest> {
  const given = request.buildArgs.get(EPOCH) ?? globals.get(EPOCH) ?? ''
  if (given === '') return { request, globals, epoch: undefined }
  const epoch = readSeconds(given) ?? (await namedTime(program, request, given, problems))
  const text = epoch === undefined ? undefined : String(epoch)
  const timed = { ...request, buildArgs: replaced(request.buildArgs, text) }
  return { request: timed, globals: replaced(globals, text), epoch }
}

/** As Go's `strconv.ParseInt`; `undefined` for what is no number. */
function readSeconds(text: string): number | undefined {
  const seconds = /^[+-]?\d{1,18}$/.test(text) ? Number(text) : Number.NaN
  return seconds >= EARLIEST && seconds <= LATEST ? seconds : undefined
}

async function namedTime(program: Program, request: CompileRequest, name: string, problems: Problems): Promise<number | undefined> {
  const { contexts, platform, timeOf } = request
  const found = contextLookup(contexts)(name, platform)
  if (name !== 'context' && found === undefined) {
    problems.add(invalid(program, request, name), undefined)
    return undefined
  }
  const time = await timeOf?.(found?.name ?? name)
  return time === undefined ? undefined : Math.floor(time)
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
  const hint = 'give seconds since 1970, `context`, or the name of a `--build-context`'
  return problem('TSB_DOCKERFILE_EPOCH', `\`${text}\` of \`${EPOCH}\` is not a time`, inFile?.raw.span, hint)
}
