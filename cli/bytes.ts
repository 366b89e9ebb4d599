import { TsbError } from '../core/error.ts'
import { parseBytes } from '../core/flag-values.ts'

/** A flag's count of bytes, as docker reads it: `512m`, `20GB` (of 1024). @throws TsbError `TSB_USAGE_INVALID_VALUE` */
export function readBytes(flag: string, text: string): number {
  const bytes = parseBytes(text)
  if (bytes !== undefined) return bytes
  throw new TsbError('TSB_USAGE_INVALID_VALUE', `\`${text}\` is no size for \`${flag}\``, {
    fault: 'usage',
    hint: `write a number and a unit: \`${flag} 20GB\``,
  })
}
