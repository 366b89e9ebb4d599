import type { SourceFile } from '../core/span.ts'
import { chompBody, type HeredocStart, heredocsOfLine } from './heredoc.ts'
import { problem } from './problems.ts'
import type { Heredoc } from './source.ts'
import { trim, trimEnd, trimStart } from './space.ts'

/** An instruction as lines: where it begins and ends, and its text with the continuations joined. Lines count from 0. */
export interface LogicalLine {
  readonly text: string
  /** White space behind it. */
  readonly trailing: string
  readonly first: number
  /** Last line of the command itself. */
  readonly commandEnd: number
  /** The same with blank lines and comments after a last continuation, which BuildKit counts to it. */
  readonly commandLast: number
  /** Last line with its here-documents. */
  readonly end: number
  readonly heredocs: readonly Heredoc[]
  readonly comments: readonly string[]
  /** First blank line inside the command. */
  readonly blank: number | undefined
}

const LINE_LIMIT = 65_535

/** Physical lines with their ends, byte order mark removed. */
export function physicalLines(text: string): readonly string[] {
  const body = text.startsWith('\uFEFF') ? text.slice(1) : text
  const lines: string[] = []
  for (let at = 0; at < body.length; ) {
    const end = body.indexOf('\n', at) + 1 || body.length
    lines.push(body.slice(at, end))
    at = end
  }
  return lines
}

/**
 * Joins physical lines into instructions by the rules of BuildKit's parser: comments and blank lines inside an
 * instruction vanish, only the first line loses its indentation, a doubled escape character does not continue, and
 * here-documents follow the line that opens them.
 * @throws TsbError `TSB_DOCKERFILE_HEREDOC` (no terminator), `TSB_DOCKERFILE_LINE_TOO_LONG`
 */
export function logicalLines(file: SourceFile, lines: readonly string[], escape: string): readonly LogicalLine[] {
  const continued = new RegExp(escape === '`' ? '(^|[^`])`[ \\t]*$' : '(^|[^\\\\])\\\\[ \\t]*$')
  const found: LogicalLine[] = []
  let comments: string[] = []
  let at = 0
  while (at < lines.length) {
    const first = at
    let line = trimStart(take(file, lines, at++))
    if (line.startsWith('#')) {
      const comment = trim(line.slice(1))
      if (comment === '') comments = []
      else comments.push(comment)
      continue
    }
    let blank: number | undefined
    let open = continued.test(line)
    if (!open && line === '') continue
    let text = line.replace(continued, '$1')
    let commandEnd = first
    while (open && at < lines.length) {
      const here = at++
      line = take(file, lines, here)
      if (trimStart(line).startsWith('#')) continue
      if (trim(line) === '') {
        blank ??= here
        continue
      }
      commandEnd = here
      open = continued.test(line)
      text += line.replace(continued, '$1')
    }
    if (trim(text) === '') continue
    const { heredocs, next } = readBodies(file, lines, heredocsOfLine(text), { first, at })
    found.push({
      text: trim(text),
      trailing: text.slice(trimEnd(text).length),
      first,
      commandEnd,
      commandLast: at - 1,
      end: heredocs.length > 0 ? next - 1 : commandEnd,
      heredocs,
      comments,
      blank,
    })
    at = next
    comments = []
  }
  return found
}

/** A physical line without its end. */
function take(file: SourceFile, lines: readonly string[], index: number): string {
  const line = withoutEnd(lines[index] as string)
  if (line.length > LINE_LIMIT / 4 && Buffer.byteLength(line) > LINE_LIMIT) {
    const span = { file, start: { line: index + 1, column: 1 }, end: { line: index + 1, column: line.length + 1 } }
    throw problem('TSB_DOCKERFILE_LINE_TOO_LONG', `a line has more than ${LINE_LIMIT} bytes`, span, 'break the line')
  }
  return line
}

function readBodies(
  file: SourceFile,
  lines: readonly string[],
  starts: readonly HeredocStart[],
  place: { readonly first: number; readonly at: number },
): { heredocs: readonly Heredoc[]; next: number } {
  let at = place.at
  const heredocs = starts.map((start) => {
    let body = ''
    for (;;) {
      const raw = lines[at++]
      if (raw === undefined) {
        const span = { file, start: { line: place.first + 1, column: 1 }, end: { line: lines.length, column: 1 } }
        throw problem(
          'TSB_DOCKERFILE_HEREDOC',
          `the here-document \`${start.name}\` is not ended`,
          span,
          `add a line with only \`${start.name}\` after it`,
        )
      }
      const line = withoutEnd(raw)
      if ((start.chomp ? chompBody(line) : line) === start.name) return { ...start, body }
      body += raw
    }
  })
  return { heredocs, next: at }
}

function withoutEnd(line: string): string {
  let end = line.length
  while (end > 0 && (line[end - 1] === '\n' || line[end - 1] === '\r')) end--
  return line.slice(0, end)
}
