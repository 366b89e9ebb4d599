/**
 * JSON as Go's encoding/json writes it: `<`, `>`, `&` and the two line separators escaped, a `Map` in the order of its
 * entries (an object would put keys like `80` first). Image IDs are digests of text that BuildKit made this way, so
 * equal images need equal text. Members that are `undefined` are left out.
 */
export function goJson(value: unknown, indent = ''): string {
  return write(value, indent, '\n')
}

/** The members of `value` in the order of `names`, without those that Go's `omitempty` leaves out; all others dropped. */
export function pick<T extends object>(value: T, names: readonly (keyof T & string)[]): Partial<T> {
  const picked: Partial<T> = {}
  for (const name of names) {
    if (!isEmpty(value[name])) picked[name] = value[name]
  }
  return picked
}

/** A map with its keys in byte order, as Go writes maps. */
export function sorted<V>(map: Readonly<Record<string, V>>): ReadonlyMap<string, V> {
  return new Map(Object.entries(map).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
}

/** `margin` is the line break with the indent of the lines around. */
function write(value: unknown, indent: string, margin: string): string {
  if (typeof value !== 'object' || value === null) return escape(JSON.stringify(value))
  const inner = margin + indent
  if (Array.isArray(value)) {
    return bracket(
      '[]',
      value.map((item) => write(item, indent, inner)),
      indent,
      margin,
    )
  }
  const members = value instanceof Map ? [...value] : Object.entries(value)
  const colon = indent === '' ? ':' : ': '
  const written = members.filter(([, member]) => member !== undefined)
  const texts = written.map(([name, member]) => `${escape(JSON.stringify(name))}${colon}${write(member, indent, inner)}`)
  return bracket('{}', texts, indent, margin)
}

function bracket(pair: '[]' | '{}', texts: readonly string[], indent: string, margin: string): string {
  if (texts.length === 0) return pair
  const inner = indent === '' ? '' : margin + indent
  return `${pair[0]}${inner}${texts.join(`,${inner}`)}${indent === '' ? '' : margin}${pair[1]}`
}

function escape(text: string): string {
  return text.replace(/[<>&\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === '' || value === 0) return true
  if (Array.isArray(value)) return value.length === 0
  if (value instanceof Map) return value.size === 0
  return typeof value === 'object' && Object.keys(value).length === 0
}
