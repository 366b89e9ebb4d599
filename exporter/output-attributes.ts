import { TsbError } from '../core/error.ts'

/** The `key=value` fields of one `--output`, keys in lower case. */
export type Attributes = ReadonlyMap<string, string>

/** One record of RFC 4180: a field in double quotes may hold commas, and quotes doubled. @throws TsbError `TSB_USAGE_OUTPUT` */
export function splitCsv(text: string): readonly string[] {
  const fields: string[] = []
  for (const [, quoted, bare, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/gy)) {
    fields.push(quoted === undefined ? (bare ?? '') : quoted.replaceAll('""', '"'))
    if (end === '') return fields
  }
  throw usageError(`\`${text}\` has a stray quote`)
}

/** A yes or no, by Go's strconv.ParseBool, as docker reads flags. @throws TsbError `TSB_USAGE_OUTPUT` */
export function flagOf(attributes: Attributes, key: string, fallback: boolean): boolean {
  const text = attributes.get(key)
  if (text === undefined) return fallback
  if (/^(?:1|t|T|true|TRUE|True)$/.test(text)) return true
  if (/^(?:0|f|F|false|FALSE|False)$/.test(text)) return false
  throw usageError(`\`${key}=${text}\` is neither true nor false`, `write \`${key}=true\` or \`${key}=false\``)
}

/** An error in an `--output`. */
export function usageError(
  message: string,
  hint = 'write `--output type=oci,dest=FILE`; types are image, registry, oci, docker, tar and local',
): TsbError {
  return new TsbError('TSB_USAGE_OUTPUT', message, { fault: 'usage', hint })
}
