import { expand } from './expand.ts'
import type { Heredoc } from './source.ts'
import { trim } from './space.ts'
import { readJsonStrings, splitKeyword, takeFlags } from './split.ts'

/** The start of a here-document, as it stands on the command's line. */
export type HeredocStart = Omit<Heredoc, 'body'>

const OPERATOR = /^\d*<<(-?)([^<]*)$/
const TAKES_HEREDOCS = ['ADD', 'COPY', 'RUN']

/**
 * The here-documents that an instruction's line opens, in order (Dockerfile reference, "Here-Documents"); only ADD,
 * COPY and RUN have them, ONBUILD of those too, and never in the JSON form.
 */
export function heredocsOfLine(line: string): readonly HeredocStart[] {
  if (!line.includes('<<')) return []
  let { keyword, rest } = splitKeyword(line)
  if (keyword.toUpperCase() === 'ONBUILD') ({ keyword, rest } = splitKeyword(rest))
  if (!TAKES_HEREDOCS.includes(keyword.toUpperCase())) return []
  if (isJson(takeFlags(rest).rest)) return []
  return wordsOf(line).flatMap((word) => readHeredoc(word) ?? [])
}

/** Reads a word like `<<EOF`, `<<-"EOF"`, `3<<EOF`; `undefined` when it opens no here-document. */
export function readHeredoc(word: string): HeredocStart | undefined {
  const match = OPERATOR.exec(word)
  const delimiter = match?.[2] ?? ''
  if (match === null || delimiter === '') return undefined
  const name = unquoted(trim(delimiter))
  if (name === undefined || name === '') return undefined
  return { name, expand: name === trim(delimiter), chomp: match[1] === '-' }
}

/** A body without the leading tabs of its lines. */
export function chompBody(body: string): string {
  return body.replace(/^\t+/gm, '')
}

/** Words with their quotes and escapes left on; text that cannot be split has no here-documents. */
function wordsOf(line: string): readonly string[] {
  try {
    return expand(line, () => undefined, { escape: '\\', keepQuotes: true, keepEscapes: true, keepUnset: true, joinHeredocs: true }).words
  } catch {
    return []
  }
}

function unquoted(delimiter: string): string | undefined {
  try {
    const { words } = expand(delimiter, () => undefined, { escape: '\\', keepUnset: true })
    return words.length === 1 ? words[0] : undefined
  } catch {
    return undefined
  }
}

function isJson(text: string): boolean {
  try {
    return readJsonStrings(text) !== undefined
  } catch {
    return true
  }
}
