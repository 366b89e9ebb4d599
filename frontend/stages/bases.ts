import { isTsbError } from '../../core/error.ts'
import { type Platform, parsePlatform } from '../../core/platform.ts'
import { parseReference } from '../../core/reference.ts'
import type { Span } from '../../core/span.ts'
import { expand } from '../expand.ts'
import type { Checks } from '../lint/checks.ts'
import { checkConstantPlatform } from '../lint/from-platform-flag-const-disallowed.ts'
import { invalidDefaultArgInFrom } from '../lint/invalid-default-arg-in-from.ts'
import { checkRedundantTargetPlatform } from '../lint/redundant-target-platform.ts'
import { undefinedArgInFrom } from '../lint/undefined-arg-in-from.ts'
import { Problems, problem } from '../problems.ts'
import type { Program, Stage } from '../program.ts'
import { globalScope } from '../scope.ts'
import type { CompileRequest } from '../types.ts'

/** A FROM line with its variables expanded. */
export interface ExpandedFrom {
  /** Image, `scratch` or stage; never empty. */
  readonly name: string
  readonly platform: Platform | undefined
  /** Global arguments that it was expanded from. */
  readonly used: ReadonlySet<string>
}

/** Expands the FROM lines of all stages, by index; one that cannot be is missing. */
export function expandFroms(
  program: Program,
  globals: ReadonlyMap<string, string>,
  problems: Problems,
  checks: Checks,
): ReadonlyMap<number, ExpandedFrom> {
  const declared = program.globalArgs.flatMap(({ args }) => args.map(({ name }) => name))
  const scope: FromScope = { globals, known: new Set([...declared, ...globals.keys()]), checks }
  const expanded = new Map<number, ExpandedFrom>()
  for (const stage of program.stages) {
    const from = problems.attempt(stage.from.raw.span, () => expandFrom(stage, scope))
    if (from !== undefined) expanded.set(stage.index, from)
  }
  return expanded
}

/** Reports bases that are no image names as long as nobody gives build arguments. */
export function checkDefaultBases(program: Program, request: CompileRequest, checks: Checks): void {
  const problems = new Problems()
  const globals = globalScope(program, request, new Map(), problems)
  for (const { from } of problems.any ? [] : program.stages) {
    // One that cannot be expanded ends BuildKit's search; it is a problem of its own.
    const base = problems.attempt(undefined, () => expand(from.base, (name) => globals.get(name), { escape: from.raw.escape }).text)
    if (base === undefined) return
    if (!isReference(base)) invalidDefaultArgInFrom(from, checks)
  }
}

interface FromScope {
  readonly globals: ReadonlyMap<string, string>
  /** Names that count as declared, with or without a value. */
  readonly known: ReadonlySet<string>
  readonly checks: Checks
}

function expandFrom(stage: Stage, scope: FromScope): ExpandedFrom {
  const { raw, base, platform } = stage.from
  const { text: name, used } = expandWord(stage, base, scope)
  if (name === '') {
    const hint = 'give the argument a default before the first `FROM`, or pass `--build-arg`'
    throw problem('TSB_DOCKERFILE_BASE_BLANK', `\`${base}\` is empty`, raw.places.word(base), hint)
  }
  if (platform === undefined || platform === '') return { name, platform: undefined, used }
  const expanded = expandWord(stage, platform, scope)
  return { name, platform: readPlatform(stage, platform, expanded, scope), used: new Set([...used, ...expanded.used]) }
}

interface ExpandedWord {
  readonly text: string
  readonly used: ReadonlySet<string>
  readonly unset: ReadonlySet<string>
}

function expandWord({ from }: Stage, text: string, { globals, known, checks }: FromScope): ExpandedWord {
  const { raw } = from
  const used = new Set<string>()
  const unset = new Set<string>()
  const lookup = (name: string): string | undefined => {
    const value = globals.get(name)
    const names = value === undefined ? unset : used
    names.add(name)
    return value
  }
  try {
    return { text: expand(text, lookup, { escape: raw.escape }).text, used, unset }
  } finally {
    // Also of a text that cannot be expanded.
    for (const name of unset) if (!known.has(name)) undefinedArgInFrom(name, raw, known, checks)
  }
}

function readPlatform({ from }: Stage, written: string, { text, used, unset }: ExpandedWord, { globals, checks }: FromScope): Platform {
  if (unset.size === 0) checkRedundantTargetPlatform(from, used, text === globals.get('TARGETPLATFORM'), checks)
  const span = (): Span => from.raw.places.word('--platform')
  if (text === '') throw problem('TSB_PLATFORM_INVALID', `\`--platform=${written}\` is empty`, span(), 'write it as `os/arch[/variant]`')
  try {
    const platform = parsePlatform(text)
    if (used.size === 0 && unset.size === 0) checkConstantPlatform(from, text, platform, checks)
    return platform
  } catch (error) {
    throw isTsbError(error) ? problem(error.code, error.message, span(), error.hint) : error
  }
}

function isReference(text: string): boolean {
  try {
    parseReference(text)
    return true
  } catch {
    return false
  }
}
