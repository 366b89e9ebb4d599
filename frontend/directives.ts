import type { SourceFile, Span } from '../core/span.ts'
import { problem } from './problems.ts'

/** Parser directives: comments at the very top that change how the rest is read (Dockerfile reference, "Parser directives"). */
export interface Directives {
  /** Continues lines and escapes characters: a backslash or a backtick. */
  readonly escape: '\\' | '`'
  /** Image of another frontend; noted, not used. */
  readonly syntax: string | undefined
  readonly check: CheckOptions
  /** How many physical lines the directives take. */
  readonly lines: number
}

/** What `# check=` asks of the lint rules. */
export interface CheckOptions {
  /** Rules left out; `all` leaves all out. */
  readonly skip: ReadonlySet<string>
  /** Findings fail the build. */
  readonly error: boolean
}

const KNOWN = ['syntax', 'escape', 'check']
const SHAPE = /^\s*#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=(.*)$/s

/**
 * Reads the directives from a file's physical lines (without the BOM). The first line that is not one ends them.
 * @throws TsbError `TSB_DOCKERFILE_DIRECTIVE_INVALID`
 */
export function readDirectives(file: SourceFile, lines: readonly string[]): Directives {
  const found = new Map<string, string>()
  let count = 0
  for (const line of lines) {
    const match = SHAPE.exec(line)
    const name = match?.[1]?.toLowerCase() ?? ''
    const value = match?.[2]?.trim() ?? ''
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
    found.set(name, value)
    count++
  }
  return {
    escape: found.get('escape') === '`' ? '`' : '\\',
    syntax: found.get('syntax'),
    check: readCheck(found.get('check') ?? '', spanOfLine(file, 0, lines[0] ?? '')),
    lines: count,
  }
}

/** Reads `skip=A,B;error=true`. Rules that are only experimental do not exist here, so `experimental` has no effect. */
export function readCheck(text: string, span: Span): CheckOptions {
  let skip = new Set<string>()
  let error = false
  for (const part of text.split(';').map((item) => item.trim())) {
    if (part === '') continue
    const equals = part.indexOf('=')
    const key = part.slice(0, Math.max(equals, 0))
    const value = part.slice(equals + 1)
    if (key === 'skip') skip = new Set(value.split(',').map((item) => item.trim()))
    else if (key === 'error' && /^(true|false)$/i.test(value)) error = value.toLowerCase() === 'true'
    else if (key !== 'experimental') {
      throw problem(
        'TSB_DOCKERFILE_DIRECTIVE_INVALID',
        `\`${part}\` is not a check option`,
        span,
        'write `skip=Rule`, `skip=all` or `error=true`',
      )
    }
  }
  return { skip, error }
}

function spanOfLine(file: SourceFile, index: number, line: string): Span {
  return { file, start: { line: index + 1, column: 1 }, end: { line: index + 1, column: line.trimEnd().length + 1 } }
}
