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

/**
 * `value` as one of ours; what nobody foresaw becomes `TSB_BUG` (exit code 70) with the cause kept.
 * A disk that is full or fails can strike at every write of the program, so it is known here and not at each of them.
 */
export function toTsbError(value: unknown): TsbError {
  if (isTsbError(value)) return value
  // `await using`: the clean-up failed too, mostly by the fault that ended the work.
  if (value instanceof Error && 'suppressed' in value) return toTsbError(value.suppressed)
  const host = hostError(value)
  if (host !== undefined) return host
  const message = value instanceof Error ? value.message : String(value)
  return new TsbError('TSB_BUG', message, { fault: 'bug', hint: 'please report this with the command and the Dockerfile', cause: value })
}

const DISK_CODES: Readonly<Record<string, readonly [code: ErrorCode, problem: string, hint: string]>> = {
  ENOSPC: ['TSB_DISK_FULL', 'no space left on the disk', 'free disk space, or set TSBUILD_ROOT to another disk'],
  EDQUOT: ['TSB_DISK_FULL', 'the disk quota is used up', 'free disk space, or set TSBUILD_ROOT to another disk'],
  SQLITE_FULL: ['TSB_DISK_FULL', "no space left for the store's database", 'free disk space, or set TSBUILD_ROOT to another disk'],
  SQLITE_IOERR: ['TSB_DISK_FAILED', "the store's database cannot be read or written", 'look for disk errors in the kernel log'],
  SQLITE_READONLY: ['TSB_DISK_READONLY', "the store's database is read-only", 'make it writable, or set TSBUILD_ROOT to another directory'],
  SQLITE_BUSY: ['TSB_STORE_BUSY', "another program keeps the store's database locked", 'end that program: `fuser -v tsbuild.db` shows it'],
  SQLITE_CORRUPT: ['TSB_STORE_DAMAGED', "the store's database is damaged", 'see `tsbuild doctor --store`'],
  SQLITE_NOTADB: ['TSB_STORE_DAMAGED', "the store's database is damaged", 'see `tsbuild doctor --store`'],
  SQLITE_CANTOPEN: ['TSB_STORE_UNREADABLE', "the store's database cannot be opened", 'check the permissions of TSBUILD_ROOT'],
  EROFS: ['TSB_DISK_READONLY', 'the disk is read-only', 'mount it writable, or set TSBUILD_ROOT to another disk'],
  EIO: ['TSB_DISK_FAILED', 'the disk cannot be read or written', 'look for disk errors in the kernel log'],
  EMFILE: ['TSB_FILES_EXHAUSTED', 'too many open files', 'raise the limit with `ulimit -n`'],
  ENFILE: ['TSB_FILES_EXHAUSTED', 'too many open files on this machine', 'close other programs'],
}

function hostError(value: unknown): TsbError | undefined {
  if (!(value instanceof Error) || !('code' in value)) return undefined
  const name = String(value.code)
  // SQLite's are refined by further words: SQLITE_IOERR_WRITE.
  const known = DISK_CODES[name] ?? DISK_CODES[/^SQLITE_[A-Z]+/.exec(name)?.[0] ?? '']
  if (known === undefined) return undefined
  const [code, problem, hint] = known
  const where = 'path' in value && typeof value.path === 'string' ? `: \`${value.path}\`` : ''
  return new TsbError(code, `${problem}${where}`, { fault: 'host', hint, cause: value })
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
