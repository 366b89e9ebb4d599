import type { Span } from '../../core/span.ts'
import type { RawInstruction } from '../source.ts'

/** A build check, with name and text as BuildKit has them (docs/checks.md). */
export interface Rule {
  readonly name: string
  readonly description: string
  /** Off unless it is asked for by name. */
  readonly experimental?: true
  /** Docker has no page about it. */
  readonly unlisted?: true
}

/** What a rule found. */
export interface Finding {
  /** The instruction that it is about. */
  readonly raw: RawInstruction
  /** Docker's text, letter by letter: tools match on it. */
  readonly detail: string
  readonly hint: string
  /** The words at fault, where they are fewer than the instruction. */
  readonly at?: Span
  /** Lines that Docker gives, where these are not the instruction's. */
  readonly within?: Span
}

/** Docker's page about a rule. */
export function ruleUrl(name: string): string {
  const words = name.replace(/([a-z])([A-Z])/g, '$1-$2').replace(/([A-Z])([A-Z][a-z])/g, '$1-$2')
  return `https://docs.docker.com/go/dockerfile/rule/${words.toLowerCase()}/`
}
