import type { RawInstruction } from '../source.ts'

/** What the comment above an instruction says of `name`: the line that begins with it; empty when there is none. */
export function describe(raw: RawInstruction, name: string): string {
  if (name === '') return ''
  const line = raw.comments.find((comment) => comment.startsWith(`${name} `))
  return line === undefined ? '' : line.slice(name.length + 1)
}
