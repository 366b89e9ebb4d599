const ESCAPES: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
}

/** A string as Go's `%q` prints it: history is compared with Docker's letter by letter. */
export function goQuote(text: string): string {
  let result = ''
  for (const char of text) result += ESCAPES[char] ?? (/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(char) ? char : escapeCode(char))
  return `"${result}"`
}

/** A list of strings as Go's `%q` prints it: `["a" "b"]`. */
export function goQuoteList(items: readonly string[]): string {
  return `[${items.map(goQuote).join(' ')}]`
}

/** A character code as Go's `%q` prints an integer: `'\x03'`, `'A'`. */
export function goQuoteCode(code: number): string {
  const char = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : '\uFFFD'
  if (char === "'") return "'\\''"
  return `'${char === '"' ? char : goQuote(char).slice(1, -1)}'`
}

function escapeCode(char: string): string {
  const code = char.codePointAt(0) ?? 0
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`
}
