import { TsbError } from '../core/error.ts'
import type { RawInstruction } from './source.ts'
import { isSpace, trim } from './space.ts'

/** White space between an instruction's keyword and its arguments, and between the words of simple lists. */
const BLANKS = /[\t\v\f\r ]+/
/** Between flags: BuildKit looks at single bytes there. */
const BLANK = /[\t\n\v\f\r ]/

/** The keyword and the rest, both trimmed; the rest is empty when there is none. */
export function splitKeyword(line: string): { keyword: string; rest: string } {
  const text = trim(line)
  const [keyword, rest = ''] = splitOnce(text) ?? [text]
  return { keyword, rest: trim(rest) }
}

/** The parts of one instruction that its text alone tells. */
export function splitInstruction(text: string): Pick<RawInstruction, 'keyword' | 'name' | 'text' | 'flags' | 'rest'> {
  // Other white space than BuildKit's blanks hides a flag behind it.
  const [keyword, rest = ''] = splitOnce(text) ?? [text]
  return { keyword, name: keyword.toUpperCase(), text, ...takeFlags(rest) }
}

/** Words of FROM, EXPOSE and the word form of lists: white space only, quotes mean nothing. */
export function splitBlanks(text: string): readonly string[] {
  return text === '' ? [] : text.split(BLANKS)
}

/** A name and all that follows it (`ENV name rest of the line`). */
export function splitOnce(text: string): readonly [name: string, rest: string] | undefined {
  const match = BLANKS.exec(text)
  return match === null ? undefined : [text.slice(0, match.index), text.slice(match.index + match[0].length)]
}

/**
 * Words of ARG, ENV and LABEL: white space inside quotes and after the escape character belongs to the word.
 * Quotes and escapes stay, expansion takes them away later.
 */
export function splitQuoted(text: string, escape: string): readonly string[] {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  for (let i = 0; i < text.length; i++) {
    const char = text[i] as string
    if (quote === '' && isSpace(char)) {
      if (word !== undefined) words.push(word)
      word = undefined
      continue
    }
    if (char === escape && quote !== "'") {
      // The last character escapes nothing and is dropped.
      if (i + 1 < text.length) word = (word ?? '') + char + (text[++i] as string)
      continue
    }
    if (quote === '' && (char === '"' || char === "'")) quote = char
    else if (char === quote) quote = ''
    word = (word ?? '') + char
  }
  if (word !== undefined) words.push(word)
  return words
}

/** Takes the words beginning with `--` off the front, without their quotes and escapes; a bare `--` ends them. */
export function takeFlags(text: string): { flags: readonly string[]; rest: string } {
  const flags: string[] = []
  let at = 0
  for (;;) {
    while (at < text.length && BLANK.test(text[at] as string)) at++
    if (!text.startsWith('--', at)) return { flags, rest: trim(text.slice(at)) }
    const { word, end } = readFlag(text, at)
    at = end
    if (word === '--') return { flags, rest: trim(text.slice(at)) }
    flags.push(word)
  }
}

function readFlag(text: string, start: number): { word: string; end: number } {
  let word = ''
  let quote = ''
  let at = start
  for (; at < text.length; at++) {
    const char = text[at] as string
    if (quote === '' && BLANK.test(char)) break
    if (char === quote) quote = ''
    else if (quote === '' && (char === '"' || char === "'")) quote = char
    else if (char === '\\') word += text[++at] ?? ''
    else word += char
  }
  return { word, end: at }
}

/**
 * The strings of a JSON array, or `undefined` when the text is no JSON array (it then has another meaning).
 * @throws TsbError `TSB_DOCKERFILE_JSON` for an array with something else than strings in it.
 */
export function readJsonStrings(text: string): readonly string[] | undefined {
  if (!text.startsWith('[')) return undefined
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!Array.isArray(parsed)) return undefined
  // Half of a surrogate pair is no character: Go puts a mark in its place.
  if (parsed.every((item) => typeof item === 'string')) return parsed.map((item) => item.replace(/\p{Surrogate}/gu, '\uFFFD'))
  throw new TsbError('TSB_DOCKERFILE_JSON', `\`${text}\` has something else than strings in it`, {
    hint: 'put every element in double quotes',
    fault: 'input',
  })
}
