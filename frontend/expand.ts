import { problem } from './problems.ts'
import { editByPattern, type PatternEdit } from './shell-pattern.ts'
import { isSpace, splitSpace } from './space.ts'

/** Looks a variable up; `undefined` is unset. Asked for every variable that is used, also where the form provides for its absence. */
export type Lookup = (name: string) => string | undefined

export interface ExpandOptions {
  /** The file's escape character. */
  readonly escape: string
  /** Leave quotes in place (texts for display, here-document words). */
  readonly keepQuotes?: boolean
  /** Leave escapes in place. */
  readonly keepEscapes?: boolean
  /** Leave unset variables as they were written instead of empty. */
  readonly keepUnset?: boolean
  /** Blanks between `<<` and a word belong to the word (the search for here-documents). */
  readonly joinHeredocs?: boolean
  /** Quotes are ordinary characters (bodies of here-documents). */
  readonly noQuotes?: boolean
}

export interface Expansion {
  readonly text: string
  /** The text split at white space that was neither quoted nor escaped. */
  readonly words: readonly string[]
}

/**
 * Expands variables and removes quotes in one text (Dockerfile reference, "Environment replacement"), in all forms
 * that BuildKit knows: `$v`, `${v}`, `:-` `-` `:+` `+` `:?` `?`, `#` `##` `%` `%%`, `/p/r` `//p/r`.
 * @throws TsbError `TSB_DOCKERFILE_SUBSTITUTION` for malformed forms, unclosed quotes and failed `?`.
 */
export function expand(text: string, lookup: Lookup, options: ExpandOptions): Expansion {
  if (!/["'$\\`\uFEFF]/.test(text) && options.joinHeredocs !== true) return { text, words: splitSpace(text) }
  const expander = new Expander(text, lookup, options)
  const result = expander.readUntil('', options.keepEscapes ?? false)
  return { text: result, words: expander.finishWords() }
}

/** More than a kernel or a registry takes; values that hold each other grow tenfold with every line. */
const LENGTH_LIMIT = 16 * 1024 * 1024
/** Deeper than anything meant; the reader is recursive. */
const DEPTH_LIMIT = 100
const SPECIAL = '@*#?-$!0'
/** Characters without a meaning anywhere. */
const PLAIN = /[^'"$\\`<}/\p{White_Space}]+/uy

/** Reads one text from left to right, building the result and its words side by side. */
class Expander {
  readonly #text: string
  readonly #lookup: Lookup
  readonly #options: ExpandOptions
  #at = 0
  #words: string[] = []
  #word = ''
  #inWord = false
  /** Of all values that were put in. */
  #length = 0
  /** Depth of `${…}`: what is read inside is not yet output, so it makes no words. */
  #depth = 0

  constructor(text: string, lookup: Lookup, options: ExpandOptions) {
    // Go's scanner leaves a byte order mark in front out.
    this.#text = text.startsWith('\uFEFF') ? text.slice(1) : text
    this.#lookup = lookup
    this.#options = options
  }

  /** The text up to `stop` (which is consumed), or to the end for an empty `stop`. */
  readUntil(stop: string, keepEscapes: boolean): string {
    let result = ''
    for (;;) {
      const char = this.#text[this.#at]
      if (char === undefined) {
        if (stop === '') return result
        throw this.#fail(stop === '}' ? 'a `}` is missing' : 'a `/` is missing in `${…/…}`')
      }
      if (stop !== '' && char === stop) {
        this.#at++
        return result
      }
      if (char === "'" && this.#options.noQuotes !== true) result += this.#readSingleQuoted()
      else if (char === '"' && this.#options.noQuotes !== true) result += this.#readDoubleQuoted(keepEscapes)
      else if (char === '$') {
        const value = this.#readDollar()
        this.#emitValue(value)
        result += value
      } else if (char === this.#options.escape) result += this.#readEscaped(keepEscapes)
      else if (char === '<' && this.#options.joinHeredocs === true && this.#text[this.#at + 1] === '<') result += this.#readOperator()
      else {
        PLAIN.lastIndex = this.#at
        const plain = PLAIN.exec(this.#text)?.[0] ?? char
        this.#at += plain.length
        this.#emitValue(plain)
        result += plain
      }
    }
  }

  #readOperator(): string {
    const start = this.#at
    this.#at += 2
    while (/[\t ]/.test(this.#text[this.#at] ?? '')) this.#at++
    return this.#emitQuoted(this.#text.slice(start, this.#at))
  }

  finishWords(): readonly string[] {
    if (this.#inWord) this.#words.push(this.#word)
    this.#inWord = false
    this.#word = ''
    return this.#words
  }

  #emitValue(value: string): void {
    if (this.#depth > 0 || value === '') return
    if (/\p{White_Space}/u.test(value)) for (const char of value) this.#emit(char)
    else this.#emitQuoted(value)
  }

  #emit(char: string): void {
    if (isSpace(char)) {
      if (this.#inWord && this.#word !== '') this.#words.push(this.#word)
      this.#inWord = false
      this.#word = ''
      return
    }
    this.#word += char
    this.#inWord = true
  }

  #emitQuoted(text: string): string {
    if (this.#depth === 0) {
      this.#word += text
      this.#inWord = true
    }
    return text
  }

  #readEscaped(keepEscapes: boolean): string {
    const escape = this.#text[this.#at] as string
    const char = this.#text[this.#at + 1]
    this.#at += 2
    const kept = keepEscapes ? this.#emitQuoted(escape) : ''
    // An escape at the very end escapes nothing and is dropped.
    return char === undefined ? kept : kept + this.#emitQuoted(char)
  }

  #readSingleQuoted(): string {
    const end = this.#text.indexOf("'", this.#at + 1)
    if (end < 0) throw this.#fail('a single quote is not closed')
    const body = this.#text.slice(this.#at + 1, end)
    this.#at = end + 1
    return this.#emitQuoted(this.#options.keepQuotes === true ? `'${body}'` : body)
  }

  #readDoubleQuoted(keepEscapes: boolean): string {
    const quote = this.#options.keepQuotes === true ? '"' : ''
    this.#at++
    let result = this.#emitQuoted(quote)
    for (;;) {
      const char = this.#text[this.#at]
      if (char === undefined) throw this.#fail('a double quote is not closed')
      if (char === '"') {
        this.#at++
        return result + this.#emitQuoted(quote)
      }
      if (char === '$') {
        result += this.#emitQuoted(this.#readDollar())
        continue
      }
      this.#at++
      if (char !== this.#options.escape) {
        result += this.#emitQuoted(char)
        continue
      }
      const next = this.#text[this.#at]
      if (keepEscapes) result += this.#emitQuoted(char)
      if (next === undefined) continue
      // Only these lose their escape inside double quotes; all others keep it, and have it twice where escapes are kept.
      if (next === '"' || next === '$' || next === this.#options.escape) {
        this.#at++
        result += this.#emitQuoted(next)
      } else result += this.#emitQuoted(char)
    }
  }

  #readDollar(): string {
    this.#at++
    if (this.#text[this.#at] !== '{') {
      const name = this.#readName()
      return name === '' ? '$' : this.#value(name, `$${name}`)
    }
    const start = this.#at - 1
    this.#at++
    const first = this.#text[this.#at]
    if (first === undefined) throw this.#fail('a `}` is missing')
    if (first === '{' || first === '}' || first === ':') throw this.#fail('a name is missing after `${`')
    if (++this.#depth > DEPTH_LIMIT) throw this.#fail(`it is nested more than ${DEPTH_LIMIT} times`)
    const value = this.#readBraces(start)
    this.#depth--
    return value
  }

  #readBraces(start: number): string {
    const name = this.#readName()
    let modifier = this.#text[this.#at++]
    if (modifier === undefined) throw this.#fail('a `}` is missing')
    if (modifier === '}') return this.#value(name, `\${${name}}`)
    if (modifier === '/') return this.#replace(name, start)
    const emptyIsUnset = modifier === ':'
    if (emptyIsUnset) {
      modifier = this.#text[this.#at++]
      if (modifier === undefined || modifier === '}') throw this.#fail('a modifier is missing after `:`')
    }
    const trims = modifier === '#' || modifier === '%'
    if (!'+-?#%'.includes(modifier) || (trims && emptyIsUnset)) {
      // BuildKit reads on and asks for the variable before it complains, so a misspelt one is told of too.
      if (emptyIsUnset && !trims) {
        this.readUntil('}', false)
        this.#lookup(name)
      }
      throw this.#fail(`there is no modifier \`${emptyIsUnset ? ':' : ''}${modifier}\``)
    }
    const word = this.readUntil('}', trims)
    const current = this.#lookup(name)
    if (current === undefined && this.#options.keepUnset === true) return this.#text.slice(start, this.#at)
    if (trims) return this.#trim(this.#value(name, ''), modifier as '#' | '%', word)
    const missing = current === undefined || (emptyIsUnset && current === '')
    if (modifier === '-') return missing ? word : this.#counted(current)
    if (modifier === '+') return missing ? '' : word
    if (missing) throw this.#fail(`\`${name}\`: ${word === '' ? `must not be ${current === undefined ? 'unset' : 'empty'}` : word}`)
    return this.#counted(current)
  }

  #trim(value: string, side: '#' | '%', pattern: string): string {
    const longest = pattern[0] === side
    return this.#edit(value, longest ? pattern.slice(1) : pattern, { kind: side === '#' ? 'trim-start' : 'trim-end', longest })
  }

  #replace(name: string, start: number): string {
    const all = this.#text[this.#at] === '/'
    if (all) this.#at++
    const pattern = this.readUntil('/', true)
    const replacement = this.readUntil('}', true)
    if (this.#lookup(name) === undefined && this.#options.keepUnset === true) return this.#text.slice(start, this.#at)
    return this.#edit(this.#value(name, ''), pattern, { kind: 'replace', all, replacement })
  }

  #edit(value: string, pattern: string, edit: PatternEdit): string {
    const edited = editByPattern(value, pattern, edit, LENGTH_LIMIT)
    if (edited === undefined) throw this.#fail(`the pattern \`${pattern}\` escapes what needs no escape`)
    return this.#counted(edited)
  }

  #readName(): string {
    const start = this.#at
    const first = this.#text[start] ?? ''
    if (/\p{Nd}/u.test(first)) {
      while (/\p{Nd}/u.test(this.#text[this.#at] ?? '')) this.#at++
    } else if (first !== '' && SPECIAL.includes(first)) this.#at++
    else while (/[\p{L}\p{Nd}_]/u.test(this.#text[this.#at] ?? '')) this.#at++
    return this.#text.slice(start, this.#at)
  }

  #value(name: string, written: string): string {
    const value = this.#lookup(name)
    if (value !== undefined) return this.#counted(value)
    return this.#options.keepUnset === true ? written : ''
  }

  /** A value that is put in. */
  #counted(value: string): string {
    this.#length += value.length
    if (this.#length > LENGTH_LIMIT) throw this.#fail('the result is longer than 16 MiB')
    return value
  }

  #fail(why: string): ReturnType<typeof problem> {
    return problem(
      'TSB_DOCKERFILE_SUBSTITUTION',
      `cannot expand \`${shorten(this.#text)}\`: ${why}`,
      undefined,
      'put the escape character before a `$` or quote that is meant literally',
    )
  }
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}
