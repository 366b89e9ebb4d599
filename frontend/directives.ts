import type { SourceFile, Span } from '../core/span.ts'
import { problem } from './problems.ts'
import { trim } from './space.ts'

/** Parser directives: comments at the very top that change how the rest is read (Dockerfile reference, "Parser directives"). */
export interface Directives {
  /** Continues lines and escapes characters: a backslash or a backtick. */
  readonly escape: '\\' | '`'
  /** Image of another frontend; noted, not used. */
  readonly syntax: string | undefined
  /** What is asked of the build checks, not yet read. */
  readonly check: { readonly text: string; readonly span: Span } | undefined
  /** How many physical lines the directives take. */
  readonly lines: number
}

const KNOWN = ['syntax', 'escape', 'check']
const SHAPE = /^#[\t\n\f\r ]*([a-zA-Z][a-zA-Z0-9]*)[\t\n\f\r ]*=[\t\n\f\r ]*([^\n]+)$/

/**
 * Reads the directives from a file's physical lines (without the BOM). The first line that is not one ends them.
 * @throws TsbError `TSB_DOCKERFILE_DIRECTIVE_INVALID`
 */
export function readDirectives(file: SourceFile, lines: readonly string[]): Directives {
  const found = new Map<string, { readonly value: string; readonly span: Span }>()
  let count = 0
  for (const line of lines) {
    const match = SHAPE.exec(trim(line))
    const name = match?.[1]?.toLowerCase() ?? ''
    const value = match?.[2] ?? ''
    if (value === '' || !KNOWN.includes(name)) break
    const span = spanOfLine(file, count, line)
    if (found.has(name)) throw problem('TSB_DOCKERFILE_DIRECTIVE_INVALID', `a second \`${name}\` directive`, span, 'keep one of them')
    if (name === 'escape' && value !== '\\' && value !== '`') {
      throw problem(
        'TSB_DOCKERFILE_DIRECTIVE_INVALID',
        `\`${value}\` cannot be the escape character`,
        span,
        'use a backslash or a backtick',
      )
    }
    found.set(name, { value, span })
    count++
  }
  const check = found.get('check')
  return {
    escape: found.get('escape')?.value === '`' ? '`' : '\\',
    syntax: found.get('syntax')?.value,
    // A blank ends it, as with the image of `syntax`.
    check: check === undefined ? undefined : { text: check.value.split(' ')[0] ?? '', span: check.span },
    lines: count,
  }
}

function spanOfLine(file: SourceFile, index: number, line: string): Span {
  return { file, start: { line: index + 1, column: 1 }, end: { line: index + 1, column: line.trimEnd().length + 1 } }
}
