import type { Diagnostic } from './diagnostic.ts'
import type { Span } from './span.ts'

/** Who has to act. The exit code of the command line follows from it, see `EXIT_CODES`. */
export type Fault = 'input' | 'step' | 'usage' | 'host' | 'remote' | 'bug' | 'interrupted'

/** Exit code by fault; `tsbuild run` maps its own failures to 125, 126 and 127 as docker does. */
export const EXIT_CODES: Readonly<Record<Fault, number>> = {
  input: 1,
  step: 1,
  usage: 2,
  host: 3,
  remote: 4,
  bug: 70,
  interrupted: 130,
}

/** A stable, documented name: `TSB_<AREA>_<PROBLEM>`. Tests and users match on it, never on the text. */
export type ErrorCode = `TSB_${string}`

export interface ErrorDetails {
  readonly fault: Fault
  /** An imperative that is nearly always right; printed on a line of its own. */
  readonly hint?: string
  /** Where in the user's files the fault lies. */
  readonly spans?: readonly Span[]
  /** All problems of a file, when it was a file that was wrong. */
  readonly diagnostics?: readonly Diagnostic[]
  readonly cause?: unknown
}

const MARK = Symbol.for('tsbuild.error')

/**
 * The one error class. The message says what and where: one line, lower case, no full stop, the thing in backquotes.
 * Recognise it with `isTsbError`, not `instanceof`: two bundles may carry a copy each.
 */
export class TsbError extends Error {
  readonly code: ErrorCode
  readonly fault: Fault
  readonly hint: string | undefined
  readonly spans: readonly Span[]
  readonly diagnostics: readonly Diagnostic[]

  constructor(code: ErrorCode, message: string, details: ErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'TsbError'
    this.code = code
    this.fault = details.fault
    this.hint = details.hint
    this.spans = details.spans ?? []
    this.diagnostics = details.diagnostics ?? []
    Object.defineProperty(this, MARK, { value: true })
  }
}

/** Whether `value` is one of ours, from any copy of this module. */
export function isTsbError(value: unknown): value is TsbError {
  return typeof value === 'object' && value !== null && MARK in value
}

/** `value` as one of ours; what nobody foresaw becomes `TSB_BUG` (exit code 70) with the cause kept. */
export function toTsbError(value: unknown): TsbError {
  if (isTsbError(value)) return value
  const message = value instanceof Error ? value.message : String(value)
  return new TsbError('TSB_BUG', message, { fault: 'bug', hint: 'please report this with the command and the Dockerfile', cause: value })
}

/** The same error, pointing at a place in the user's files unless it points somewhere already. */
export function withSpan(error: TsbError, span: Span | undefined): TsbError {
  if (span === undefined || error.spans.length > 0 || error.fault === 'interrupted') return error
  return new TsbError(error.code, error.message, {
    fault: error.fault,
    spans: [span],
    diagnostics: error.diagnostics,
    cause: error.cause,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  })
}

/** The error of a command that the user interrupted. */
export function interrupted(): TsbError {
  return new TsbError('TSB_INTERRUPTED', 'interrupted', { fault: 'interrupted' })
}
