import { posix } from 'node:path'
import { Minimatch } from 'minimatch'
import { TsbError } from './error.ts'

/**
 * Docker's globs. One path component follows Go's `filepath.Match` (COPY and ADD sources); a whole ignore pattern
 * follows moby's `patternmatcher`, which adds `**`. Minimatch writes the regular expressions; what it does
 * differently is taken away here, so that the text means the same to JavaScript and to Rust's `regex` crate:
 *
 * - in Go `!`, `#`, `{}` and `+()` mean nothing, a class is negated by `^` only, and `[[:alpha:]]` is no special class;
 * - Go's `*` matches a leading dot, and there is no `.` or `..` to be careful about: paths are cleaned before;
 * - minimatch reads classes by UTF-16 units and an escaped `^` in front as a negation, so it sees placeholders for them;
 * - it escapes characters that need none.
 *
 * Not followed: moby hands patterns to Go's regexp nearly as they are, so that `[[:alpha:]]` and `\d` happen to work there.
 */
type Token =
  | { readonly kind: 'literal'; readonly char: string }
  | { readonly kind: 'any' }
  | { readonly kind: 'star' }
  | { readonly kind: 'double-star' }
  | { readonly kind: 'separator' }
  | { readonly kind: 'class'; readonly negated: boolean; readonly ranges: readonly (readonly [low: string, high: string])[] }

/** Guards minimatch puts before a pattern that could match `.` or `..`. */
const DOT_GUARD = '(?!(?:^|\\/)\\.\\.?(?:$|\\/))'
const CACHE_LIMIT = 1000

const compiled = new Map<string, RegExp>()

/**
 * Whether one path component matches a pattern without slashes (Go `filepath.Match`; `**` is two stars).
 * A range that ends before it begins has nothing in it. @throws TsbError `TSB_PATTERN_INVALID` for an unclosed class or a trailing backslash.
 */
export function matchComponent(pattern: string, name: string): boolean {
  let regex = compiled.get(pattern)
  if (regex === undefined) {
    if (compiled.size >= CACHE_LIMIT) compiled.clear()
    const tokens = tokenize(pattern).map((token): Token => (token.kind === 'double-star' ? { kind: 'star' } : token))
    regex = new RegExp(`^(?:${piecesToRegex(tokens)})$`, 'u')
    compiled.set(pattern, regex)
  }
  return regex.test(name)
}

/** Whether a path has to be resolved against a listing. A backslash takes the meaning of the character after it. */
export function hasWildcard(path: string): boolean {
  for (let i = 0; i < path.length; i++) {
    const char = path[i]
    if (char === '\\') i++
    else if (char === '*' || char === '?' || char === '[') return true
  }
  return false
}

/**
 * The regular expression of an ignore pattern (moby `patternmatcher`), anchored at both ends, for a whole path without
 * leading slash. It is plain enough for Rust's `regex`: no look-around, no back reference, no JavaScript-only escape.
 * @throws TsbError `TSB_PATTERN_INVALID`
 */
export function patternToRegex(pattern: string): string {
  const tokens = tokenize(pattern)
  let text = ''
  let piece: Token[] = []
  const flush = (): void => {
    text += piecesToRegex(piece)
    piece = []
  }
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i] as Token
    if (token.kind === 'separator') {
      flush()
      text += '/'
    } else if (token.kind === 'double-star') {
      flush()
      // `**/` is `**`: any number of directories, none included. At the end it takes everything.
      const joined = tokens[i + 1]?.kind !== 'separator'
      if (!joined) i++
      // In front of plain text it is any beginning, of a name too (`**.log`).
      text += i + 1 >= tokens.length || (i === 0 && joined && isPlain(pattern.slice(2))) ? '.*' : '(?:.*/)?'
    } else {
      // Go's regexp, which moby takes there, does not compile one.
      const empty = token.kind === 'class' ? token.ranges.find(isEmpty) : undefined
      if (empty !== undefined) throw invalid(pattern, `the range \`${empty.join('-')}\` is empty`)
      piece.push(token)
    }
  }
  flush()
  return `^${text}$`
}

/** Whether moby compares the text letter by letter. */
function isPlain(text: string): boolean {
  return !/[*?[\]\\]/.test(text)
}

/** A pattern as a matcher has it, ready to be compiled; the last one that matches decides. */
export interface PatternRule {
  /** See `patternToRegex`. */
  readonly regex: string
  /** The pattern began with `!`. */
  readonly negated: boolean
}

/**
 * A pattern as moby's `patternmatcher` takes it: trimmed, cleaned, `!` in front takes back. A leading slash stays, and nothing
 * matches then. `undefined` for a blank one, which says nothing.
 * @throws TsbError `TSB_PATTERN_INVALID`
 */
export function patternRule(pattern: string): PatternRule | undefined {
  const text = pattern.trim()
  if (text === '') return undefined
  const normal = posix.normalize(text)
  const clean = normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal
  if (clean === '!') throw invalid(pattern, '`!` alone takes nothing back')
  const negated = clean.startsWith('!')
  return { regex: patternToRegex(negated ? clean.slice(1) : clean), negated }
}

function tokenize(pattern: string): Token[] {
  const chars = [...pattern]
  const tokens: Token[] = []
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i] as string
    if (char === '/') tokens.push({ kind: 'separator' })
    else if (char === '?') tokens.push({ kind: 'any' })
    else if (char === '*') {
      const double = chars[i + 1] === '*'
      if (double) i++
      tokens.push({ kind: double ? 'double-star' : 'star' })
    } else if (char === '[') {
      const { token, next } = readClass(pattern, chars, i + 1)
      tokens.push(token)
      i = next
    } else if (char === '\\') {
      i++
      const escaped = chars[i]
      if (escaped === undefined) throw invalid(pattern, 'it ends in a backslash')
      tokens.push({ kind: 'literal', char: escaped })
    } else tokens.push({ kind: 'literal', char })
  }
  return tokens
}

/** Reads a class from behind its `[`; `next` is the place of its `]`. */
function readClass(pattern: string, chars: readonly string[], start: number): { token: Token; next: number } {
  let i = start
  const negated = chars[i] === '^'
  if (negated) i++
  const ranges: [string, string][] = []
  const read = (): string => {
    let char = chars[i]
    if (char === '\\') char = chars[++i]
    else if (char === '-' || char === ']') throw invalid(pattern, `\`${char}\` needs a backslash there`)
    if (char === undefined) throw invalid(pattern, 'a `[` is not closed')
    i++
    return char
  }
  while (chars[i] !== ']' || ranges.length === 0) {
    const low = read()
    if (chars[i] !== '-') {
      ranges.push([low, low])
      continue
    }
    i++
    const high = read()
    ranges.push([low, high])
  }
  return { token: { kind: 'class', negated, ranges }, next: i }
}

/** The expression for tokens without separators, unanchored. */
function piecesToRegex(tokens: readonly Token[]): string {
  if (tokens.length === 0) return ''
  const placeholder = unused(tokens)
  const source = new Minimatch(tokens.map((token) => toMinimatch(token, placeholder)).join(''), {
    dot: true,
    nobrace: true,
    nocomment: true,
    noext: true,
    noglobstar: true,
    nonegate: true,
    platform: 'linux',
  }).makeRe()
  if (source === false) throw new TsbError('TSB_BUG', 'minimatch made no expression', { fault: 'bug' })
  const text = plain(source.source.slice(1, -1).replace(DOT_GUARD, ''))
  // A lone star is "one or more" to minimatch, which is right for a component but not for a piece of one.
  if (text === '[^/]+?') return '[^/]*'
  const classes = tokens.filter((token) => token.kind === 'class')
  return text.replaceAll(placeholder, () => classToRegex(classes.shift()))
}

/** A character of the private use area that the pattern does not have. */
function unused(tokens: readonly Token[]): string {
  const used = new Set(tokens.map((token) => (token.kind === 'literal' ? token.char : '')))
  let code = 0xe000
  while (used.has(String.fromCharCode(code))) code++
  return String.fromCharCode(code)
}

function toMinimatch(token: Token, placeholder: string): string {
  switch (token.kind) {
    case 'literal':
      return /[*?[\]\\{}()!+@#^]/.test(token.char) ? `\\${token.char}` : token.char
    case 'any':
      return '?'
    case 'star':
    case 'double-star':
      return '*'
    case 'separator':
      return '/'
    case 'class':
      return placeholder
  }
}

function classToRegex(token: Extract<Token, { kind: 'class' }> | undefined): string {
  const members =
    token?.ranges
      .filter((range) => !isEmpty(range))
      .map(([low, high]) => (low === high ? member(low) : `${member(low)}-${member(high)}`)) ?? []
  return `[${token?.negated === true ? '^' : ''}${members.join('')}]`
}

function isEmpty([low, high]: readonly [low: string, high: string]): boolean {
  return (high.codePointAt(0) ?? 0) < (low.codePointAt(0) ?? 0)
}

/** `&`, `~` and `-` are written by code: doubled they are operators in Rust, and escaped they are errors elsewhere. */
function member(char: string): string {
  if (/[&~-]/.test(char)) return `\\x${char.charCodeAt(0).toString(16)}`
  return /[\\\][^]/.test(char) ? `\\${char}` : char
}

/** Drops escapes before characters without a meaning there: neither Rust nor `u` expressions like all of them. */
function plain(regex: string): string {
  return regex.replace(/\\(.)/gsu, (pair, char: string) => (/[\\^$.*+?()[\]{}|]/.test(char) ? pair : char))
}

function invalid(pattern: string, why: string): TsbError {
  return new TsbError('TSB_PATTERN_INVALID', `\`${pattern}\` is not a pattern: ${why}`, {
    hint: 'put a backslash before a character that is meant literally',
    fault: 'input',
  })
}
