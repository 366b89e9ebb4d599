/** What a pattern of a substitution does to a value. */
export type PatternEdit =
  | { readonly kind: 'trim-start'; readonly longest: boolean }
  | { readonly kind: 'trim-end'; readonly longest: boolean }
  | { readonly kind: 'replace'; readonly all: boolean; readonly replacement: string }

/**
 * Edits `value` as `${v#p}`, `${v%p}` and `${v/p/r}` do. Patterns have `*`, `?`, and a backslash before either of them
 * or itself; no classes. `undefined` when something else is escaped. A result longer than `limit` is not finished.
 *
 * Not by regular expressions: a base image chooses values, and backtracking over many stars would take for ever.
 */
export function editByPattern(value: string, pattern: string, edit: PatternEdit, limit: number): string | undefined {
  // A shortest match at the end is a shortest match at the beginning of everything reversed.
  const pieces = readPieces(edit.kind === 'trim-end' ? reverse(pattern) : pattern)
  if (pieces === undefined) return undefined
  const chars = [...value]
  switch (edit.kind) {
    case 'trim-start':
      return chars.slice(findEnd(pieces, chars, 0, edit.longest) ?? 0).join('')
    case 'trim-end': {
      const count = findEnd(pieces, chars.toReversed(), 0, edit.longest) ?? 0
      return chars.slice(0, chars.length - count).join('')
    }
    case 'replace':
      return replace(pieces, chars, edit, limit)
  }
}

/** The pattern from behind, escapes still in front of what they escape; one at the very end comes to escape what was before it. */
function reverse(pattern: string): string {
  return (pattern.match(/\\.|./gsu) ?? []).toReversed().join('')
}

/** A character, or any one. */
type Cell = string | undefined

/** What stands before, between and behind the stars. */
function readPieces(pattern: string): readonly (readonly Cell[])[] | undefined {
  // Go's scanner leaves a byte order mark in front out.
  const chars = [...pattern.replace(/^\uFEFF/, '')]
  const pieces: Cell[][] = [[]]
  for (let i = 0; i < chars.length; i++) {
    let char: Cell = chars[i]
    if (char === '*') {
      pieces.push([])
      continue
    }
    if (char === '?') char = undefined
    else if (char === '\\') {
      char = chars[++i]
      // `\}` and `\/` only kept the pattern from ending there.
      if (char === undefined || !'*?\\}/'.includes(char)) return undefined
    }
    pieces.at(-1)?.push(char)
  }
  return pieces
}

function replace(
  pieces: readonly (readonly Cell[])[],
  chars: readonly string[],
  { all, replacement }: Extract<PatternEdit, { kind: 'replace' }>,
  limit: number,
): string {
  let result = ''
  let at = 0
  // An empty match right behind another one does not count.
  let matchedTo = -1
  while (at <= chars.length && result.length <= limit) {
    const end = findEnd(pieces, chars, at, true)
    // What is behind a star is sought in all that follows: if it is not there, it is not further on either.
    if (end === undefined && pieces.length > 1 && fits(pieces[0] ?? [], chars, at)) break
    if (end !== undefined && !(end === at && matchedTo === at)) {
      if (!all) return result + replacement + chars.slice(end).join('')
      result += fill(replacement, chars, at, end)
      matchedTo = end
    }
    if (end !== undefined && end > at) at = end
    else result += chars[at++] ?? ''
  }
  return result + chars.slice(at).join('')
}

/** Go's template for all matches: `$0` is what matched, `$$` a dollar sign, and any other name is nothing. */
function fill(replacement: string, chars: readonly string[], start: number, end: number): string {
  if (!replacement.includes('$')) return replacement
  return replacement.replace(/\$(?:\$|([\p{L}\p{Nd}_]+)|\{([\p{L}\p{Nd}_]+)\})/gu, (form, bare?: string, braced?: string) => {
    if (form === '$$') return '$'
    return (bare ?? braced) === '0' ? chars.slice(start, end).join('') : ''
  })
}

/** Where a match that begins at `start` ends: as late as possible, or as early. */
function findEnd(pieces: readonly (readonly Cell[])[], chars: readonly string[], start: number, longest: boolean): number | undefined {
  const [first = [], ...others] = pieces
  if (!fits(first, chars, start)) return undefined
  let at = start + first.length
  for (const [index, piece] of others.entries()) {
    const last = index === others.length - 1 && longest
    const found = last ? findLast(piece, chars, at) : findFirst(piece, chars, at)
    if (found === undefined) return undefined
    at = found + piece.length
  }
  return at
}

function findFirst(piece: readonly Cell[], chars: readonly string[], from: number): number | undefined {
  for (let at = from; at + piece.length <= chars.length; at++) if (fits(piece, chars, at)) return at
  return undefined
}

function findLast(piece: readonly Cell[], chars: readonly string[], from: number): number | undefined {
  for (let at = chars.length - piece.length; at >= from; at--) if (fits(piece, chars, at)) return at
  return undefined
}

function fits(piece: readonly Cell[], chars: readonly string[], at: number): boolean {
  return at + piece.length <= chars.length && piece.every((cell, index) => cell === undefined || cell === chars[at + index])
}
