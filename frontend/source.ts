import type { Span } from '../core/span.ts'

/** One instruction as it stands in the file: split, but not yet understood. */
export interface RawInstruction {
  /** As written. */
  readonly keyword: string
  /** Upper case. */
  readonly name: string
  /** The whole instruction on one line, continuations joined: what steps are called after. */
  readonly text: string
  /** White space behind it: a stored trigger keeps it. */
  readonly trailing: string
  /** Leading words that begin with `--`, quotes and escapes taken away. */
  readonly flags: readonly string[]
  /** What follows the flags, trimmed. */
  readonly rest: string
  readonly heredocs: readonly Heredoc[]
  /** Lines of the comment block right above. */
  readonly comments: readonly string[]
  /** A blank line inside the instruction. */
  readonly blankLine: Span | undefined
  /** Last line of the command, from 1, with what BuildKit counts to it: blank lines and comments after a last continuation. */
  readonly lastLine: number
  readonly span: Span
  /** Where parts of it stand; the whole instruction when that cannot be told. */
  readonly places: Places
  /** The escape character of the file. */
  readonly escape: string
}

/** Finds parts of an instruction in the file. Costs nothing until asked. */
export interface Places {
  keyword(): Span
  /** The first word with this text, or flag with this name (`--from`). */
  word(text: string): Span
  /** The first `$name` or `${name…}`. */
  variable(name: string): Span
}

/** A here-document (`<<EOF`). */
export interface Heredoc {
  readonly name: string
  /** Whether variables in the body are expanded: no part of the delimiter was quoted. */
  readonly expand: boolean
  /** `<<-`: leading tabs of the body's lines do not count. */
  readonly chomp: boolean
  /** Exactly as in the file, last newline included. */
  readonly body: string
}

/** Places of text that is not in any file (a base image's ONBUILD trigger): always `span`. */
export function placesAt(span: Span): Places {
  return { keyword: () => span, word: () => span, variable: () => span }
}
