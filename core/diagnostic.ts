import type { ErrorCode } from './error.ts'
import type { Span } from './span.ts'

/** A finding about the user's input, as data; rendering belongs to the command line. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning'
  /** An error code, or the name of a build check as BuildKit names it. */
  readonly code: ErrorCode | string
  /** Of a build check: Docker's own text, which tools match on. */
  readonly message: string
  readonly hint?: string
  /** The words at fault. */
  readonly spans: readonly Span[]
  /** The whole instruction that they stand in: what Docker gives as the place. */
  readonly within?: Span
  /** Of a build check: the rule. */
  readonly rule?: CheckRule
}

/** What is always the same about a build check. */
export interface CheckRule {
  readonly description: string
  /** Docker's page about it, if there is one. */
  readonly url?: string
}
