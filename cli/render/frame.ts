import type { Span } from '../../core/span.ts'
import type { Palette } from './palette.ts'
import { displayWidth } from './width.ts'

const RULE = '-'.repeat(20)
const CONTEXT_LINES = 2
/** A heredoc may have hundreds of lines; its beginning tells where it is. */
const MAX_MARKED = 12
const MAX_EXCERPT = 4

/**
 * The lines around a span as BuildKit's client prints them: `Dockerfile:3`, a rule, numbered lines with `>>>` at the
 * marked ones, a rule; and carets below where the span is a part of one line.
 */
export function renderFrame(span: Span, colours: Palette): string {
  const lines = span.file.text.split(/\r?\n/)
  const first = Math.min(Math.max(1, span.start.line), lines.length)
  const last = Math.min(lastLine(span), lines.length)
  const shownLast = Math.min(last, first + MAX_MARKED - 1)
  const rows: string[] = []
  for (let line = Math.max(1, first - CONTEXT_LINES); line <= shownLast; line++) {
    const text = printableLine(lines[line - 1] ?? '')
    const marked = line >= first
    rows.push(` ${String(line).padStart(3)} | ${marked ? colours.red('>>>') : '   '} ${text}`.trimEnd())
    const carets = marked && first === last ? caretLine(span, lines[line - 1] ?? '') : undefined
    if (carets !== undefined) rows.push(`     |     ${colours.red(carets)}`)
  }
  if (shownLast < last) rows.push(colours.dim(`     | ${last - shownLast} more lines`))
  else rows.push(...contextAfter(lines, last))
  return [`${span.file.name}:${first}`, RULE, ...rows, RULE].join('\n')
}

/** Only the lines of a span, the first few of many: where nothing is broken, less is enough. */
export function renderExcerpt(span: Span, colours: Palette): string {
  const lines = span.file.text.split(/\r?\n/)
  const first = Math.min(Math.max(1, span.start.line), lines.length)
  const last = Math.min(lastLine(span), lines.length)
  const shownLast = Math.min(last, first + MAX_EXCERPT - 1)
  const rows = [`${span.file.name}:${first}`]
  for (let line = first; line <= shownLast; line++)
    rows.push(` ${String(line).padStart(3)} | ${printableLine(lines[line - 1] ?? '')}`.trimEnd())
  const carets = first === last ? caretLine(span, lines[first - 1] ?? '') : undefined
  if (carets !== undefined) rows.push(`     | ${colours.yellow(carets)}`)
  if (shownLast < last) rows.push(colours.dim(`     | ${last - shownLast} more lines`))
  return rows.join('\n')
}

function lastLine(span: Span): number {
  // An exclusive end at the start of a line belongs to the line before.
  const last = span.end.column <= 1 && span.end.line > span.start.line ? span.end.line - 1 : span.end.line
  return Math.max(span.start.line, last)
}

function contextAfter(lines: readonly string[], last: number): string[] {
  const rows: string[] = []
  // The empty piece after a final newline is no line.
  const total = lines.at(-1) === '' ? lines.length - 1 : lines.length
  for (let line = last + 1; line <= Math.min(total, last + CONTEXT_LINES); line++) {
    rows.push(` ${String(line).padStart(3)} |     ${printableLine(lines[line - 1] ?? '')}`.trimEnd())
  }
  return rows
}

/** Carets under the span; none when it is the whole line, which `>>>` says already. */
function caretLine(span: Span, line: string): string | undefined {
  const start = span.start.column - 1
  const end = span.end.line > span.start.line ? line.length : Math.max(span.end.column - 1, start + 1)
  const indent = line.length - line.trimStart().length
  if (start > line.length || (start <= indent && end >= line.trimEnd().length)) return undefined
  const width = Math.max(1, displayWidth(printableLine(line.slice(start, end))))
  return ' '.repeat(displayWidth(printableLine(line.slice(0, start)))) + '^'.repeat(width)
}

/** Tabs as four blanks, so that carets line up; other control characters would reach the terminal, and marks of direction hide what is read. */
export function printableLine(line: string): string {
  return line.replaceAll('\t', '    ').replace(/\p{Cc}|[\u202a-\u202e\u2066-\u2069]/gu, '\ufffd')
}
