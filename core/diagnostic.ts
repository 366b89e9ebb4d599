import type { ErrorCode } from './error.ts'
import type { Span } from './span.ts'

/** A finding about the user's input, as data; rendering belongs to the command line. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning'
  /** An error code, or the name of a lint rule as BuildKit names it. */
  readonly code: ErrorCode | string
  readonly message: string
  readonly hint?: string
  readonly spans: readonly Span[]
}
