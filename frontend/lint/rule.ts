import type { Diagnostic } from '../../core/diagnostic.ts'
import type { Span } from '../../core/span.ts'
import type { Program } from '../stages.ts'

/** A check of a whole Dockerfile, named as BuildKit names it (docs: "Build checks"). */
export interface Rule {
  readonly name: string
  check(program: Program): Iterable<Finding>
}

export interface Finding {
  readonly message: string
  readonly hint: string
  readonly span: Span
}

/** A finding as a diagnostic. */
export function warning(rule: string, { message, hint, span }: Finding): Diagnostic {
  return { severity: 'warning', code: rule, message, hint, spans: [span] }
}
