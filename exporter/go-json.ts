/**
 * JSON as Go's encoding/json writes it: `<`, `>`, `&` and the two line separators escaped. Image IDs are digests of
 * text that BuildKit made this way, so equal images need equal text.
 */
export function goJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, undefined, indent).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** The members of `value` in the order of `names`, without those that Go's `omitempty` leaves out; all others dropped. */
export function pick<T extends object>(value: T, names: readonly (keyof T & string)[]): Partial<T> {
  const picked: Partial<T> = {}
  for (const name of names) {
    if (!isEmpty(value[name])) picked[name] = value[name]
  }
  return picked
}

/** Copies a map with its keys in byte order, as Go writes maps. */
export function sorted<V>(map: Readonly<Record<string, V>>): Record<string, V> {
  const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
  // a map with keys like `8080` keeps them in front, whatever order they are added in: nobody's keys here are bare numbers
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => byBytes(a, b)))
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === '' || value === 0) return true
  if (Array.isArray(value)) return value.length === 0
  return typeof value === 'object' && Object.keys(value).length === 0
}
