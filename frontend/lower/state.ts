import { isTsbError } from '../../core/error.ts'
import type { VertexId } from '../../core/graph.ts'
import type { HistoryEntry, ImageConfig } from '../../core/manifest.ts'
import type { RunMount } from '../../core/mount.ts'
import type { Platform } from '../../core/platform.ts'
import { stepFilterMatch } from '../../core/step-filter.ts'
import { type ExpandOptions, type Expansion, expand } from '../expand.ts'
import type { SourceRef } from '../instructions/common.ts'
import type { Checks } from '../lint/checks.ts'
import { undefinedVariable } from '../lint/undefined-var.ts'
import { type Problems, problem } from '../problems.ts'
import type { Variables } from '../scope.ts'
import type { RawInstruction } from '../source.ts'
import type { Source } from '../stages/resolve.ts'
import type { CompileRequest } from '../types.ts'
import type { ConfigDraft } from './draft.ts'
import type { GraphBuilder } from './graph.ts'
import type { StepNames } from './names.ts'

/** An ARG of a stage: its name, and the value it had where it was declared. */
export interface DeclaredArg {
  readonly name: string
  readonly value: string | undefined
  readonly raw: RawInstruction
  /** Neither the instruction nor the user says what it is, so it is what the global one of that name is, if there is one. */
  readonly isGlobal: boolean
}

/** What a stage has become after some of its instructions; a stage built on it begins with a copy. */
export interface StageState {
  readonly id: string
  readonly names: StepNames
  readonly platform: Platform
  /** The image at the bottom of the chain. */
  readonly base: ImageConfig | undefined
  /** Result so far. */
  vertex: VertexId
  /** What RUN and expansion see: the config's Env and the ARGs, the last written last. */
  readonly variables: Variables
  /** The same as `NAME=value`, by name. */
  readonly entries: Map<string, string>
  readonly args: DeclaredArg[]
  /** How many of them come from the stage below. */
  readonly inheritedArgs: number
  /** Mounts of this very stage's RUNs. */
  readonly mounts: { readonly raw: RawInstruction; readonly mount: RunMount }[]
  readonly config: ConfigDraft
  author: string | undefined
  readonly history: HistoryEntry[]
  /** CMD stood in this very stage, so ENTRYPOINT leaves it. */
  cmdSet: boolean
  /** CMD, ENTRYPOINT and HEALTHCHECK of this very stage, by name: the last of each. */
  readonly single: Map<string, RawInstruction>
  /** A WORKDIR stood in this chain of stages. */
  workdirSet: boolean
  readonly sources: ReadonlyMap<SourceRef, Source>
}

/** What lowering an instruction needs besides its stage. */
export interface LowerContext {
  readonly request: CompileRequest
  readonly globals: ReadonlyMap<string, string>
  readonly proxyEnv: readonly string[]
  readonly epoch: number | undefined
  readonly graph: GraphBuilder
  readonly problems: Problems
  readonly checks: Checks
  /** Finished stages' results, by index. */
  readonly results: ReadonlyMap<number, StageState>
}

export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

const DEFAULT_SHELL: readonly string[] = ['/bin/sh', '-c']
const COMMENT = 'buildkit.dockerfile.v0'

/** Expands a part of an instruction with what the stage knows, and warns of names nobody set. */
export function expandIn(state: StageState, context: LowerContext, raw: RawInstruction, text: string): Expansion {
  return expandWith(state, context, raw, text, { escape: raw.escape })
}

/** Expands the body of a here-document: quotes mean nothing there, and the escape is always a backslash. */
export function expandBody(state: StageState, context: LowerContext, raw: RawInstruction, body: string): string {
  return expandWith(state, context, raw, body, { escape: '\\', noQuotes: true }).text
}

function expandWith(state: StageState, context: LowerContext, raw: RawInstruction, text: string, options: ExpandOptions): Expansion {
  const unset = new Set<string>()
  const lookup = (name: string): string | undefined => {
    const value = state.variables.get(name)
    // An ARG without a value is declared all the same.
    if (value === undefined && !state.args.some((arg) => arg.name === name)) unset.add(name)
    return value
  }
  try {
    return placed(raw, text, () => expand(text, lookup, options))
  } finally {
    // Also of a text that cannot be expanded.
    for (const name of unset) undefinedVariable(name, raw, state.variables.keys(), context.checks)
  }
}

/** The same where BuildKit does not warn. */
export function expandQuietly(state: StageState, raw: RawInstruction, text: string): Expansion {
  return placed(raw, text, () => expand(text, (name) => state.variables.get(name), { escape: raw.escape }))
}

/** Sets a variable for what follows. BuildKit hands variables to RUN in the order they were last set. */
export function setVariable({ variables, entries }: Pick<StageState, 'variables' | 'entries'>, name: string, value: string): void {
  variables.delete(name)
  variables.set(name, value)
  entries.delete(name)
  entries.set(name, `${name}=${value}`)
}

/** The program and arguments of a command line. */
export function commandArgs(
  state: StageState,
  command: { readonly form: 'shell'; readonly text: string } | { readonly form: 'exec'; readonly args: readonly string[] },
): readonly string[] {
  if (command.form === 'exec') return command.args
  return [...(state.config.fields.Shell ?? DEFAULT_SHELL), command.text]
}

/** Whether the user wants the step that came last to run, whatever earlier builds left. As in BuildKit, a stage's WORKDIRs stay out. */
export function ignoresCache({ id, names }: StageState, { request }: LowerContext, instruction: 'run' | 'copy' | 'workdir'): boolean {
  const match = stepFilterMatch(request.noCacheFilter ?? [], id, names.index)
  return match === 'step' || (instruction !== 'workdir' && (request.noCache || match === 'stage'))
}

/** Notes an instruction in the image's history; `layer` says that it made one. */
export function addHistory(state: StageState, createdBy: string, layer: boolean): void {
  state.history.push({ created_by: createdBy, comment: COMMENT, ...(layer ? {} : { empty_layer: true }) })
}

/** Runs `step`; what it throws stands at the word `text` of the instruction. */
export function placed<T>(raw: RawInstruction, text: string, step: () => T): T {
  try {
    return step()
  } catch (error) {
    throw isTsbError(error) ? problem(error.code, error.message, raw.places.word(text), error.hint) : error
  }
}
