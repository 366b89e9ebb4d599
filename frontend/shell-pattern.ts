/** What a pattern of a substitution does to a value. */
export type PatternEdit =
  | { readonly kind: 'trim-start'; readonly longest: boolean }
  | { readonly kind: 'trim-end'; readonly longest: boolean }
  | { readonly kind: 'replace'; readonly all: boolean; readonly replacement: string }

/**
 * Edits `value` as `${v#p}`, `${v%p}` and `${v/p/r}` do. Patterns have `*`, `?`, and a backslash before either of them
 * or itself; no classes. `undefined` when something else is escaped.
 */
export function editByPattern(value: string, pattern: string, edit: PatternEdit): string | undefined {
  const body = toRegex(pattern, edit.kind === 'replace' || edit.longest)
  if (body === undefined) return undefined
  switch (edit.kind) {
    case 'trim-start':
      return value.replace(new RegExp(`^(?:${body})`, 'u'), '')
    case 'trim-end':
      // The leftmost match is the longest end; for the shortest, the part that stays takes all it can.
      return edit.longest ? value.replace(new RegExp(`(?:${body})$`, 'u'), '') : value.replace(new RegExp(`^([^]*)(?:${body})$`, 'u'), '$1')
    case 'replace':
      return value.replace(new RegExp(body, edit.all ? 'gu' : 'u'), () => edit.replacement)
  }
}

function toRegex(pattern: string, longest: boolean): string | undefined {
  const chars = [...pattern]
  let regex = ''
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i] as string
    if (char === '*') regex += longest ? '.*' : '.*?'
    else if (char === '?') regex += '.'
    else if (char !== '\\') regex += quote(char)
    else {
      const next = chars[i + 1]
      // `\}` and `\/` only kept the pattern from ending there.
      if (next === '}' || next === '/') continue
      if (next !== '*' && next !== '?' && next !== '\\') return undefined
      regex += quote(next)
      i++
    }
  }
  return regex
}

function quote(char: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char
}
