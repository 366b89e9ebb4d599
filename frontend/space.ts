/**
 * White space as Go's `unicode.IsSpace` has it, which BuildKit goes by. JavaScript's own (`\s`, `trim`) lacks the next-line
 * character and has the byte order mark.
 */
const SPACE = /\p{White_Space}/u
const LEADING = /^\p{White_Space}+/u

/** Whether one character is white space. */
export function isSpace(char: string): boolean {
  const code = char.charCodeAt(0)
  return code < 0x80 ? code === 0x20 || (code >= 0x09 && code <= 0x0d) : SPACE.test(char)
}

/** Without white space in front. */
export function trimStart(text: string): string {
  return isSpace(text) ? text.replace(LEADING, '') : text
}

/** Without white space behind. */
export function trimEnd(text: string): string {
  let end = text.length
  while (end > 0 && isSpace(text[end - 1] as string)) end--
  return text.slice(0, end)
}

/** Without white space at both ends. */
export function trim(text: string): string {
  return trimEnd(trimStart(text))
}

/** The words between white space. */
export function splitSpace(text: string): readonly string[] {
  return text.split(/\p{White_Space}+/u).filter((word) => word !== '')
}
