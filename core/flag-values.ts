/** A yes or no by Go's strconv.ParseBool, as docker reads flags; `undefined` when it is neither. */
export function parseBoolean(text: string): boolean | undefined {
  if (/^(?:1|t|T|true|TRUE|True)$/.test(text)) return true
  if (/^(?:0|f|F|false|FALSE|False)$/.test(text)) return false
  return undefined
}

const UNITS = ['', 'k', 'm', 'g', 't', 'p']

/** A count of bytes with a binary unit, as docker reads memory (`512`, `1.5g`, `64 MiB`); `undefined` when it is none. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+\.?\d*|\.\d+) ?(?:(b)|([kmgtp])(?:i?b)?)?$/i.exec(text)
  if (match === null) return undefined
  return Math.trunc(Number(match[1]) * 1024 ** UNITS.indexOf((match[3] ?? '').toLowerCase()))
}
