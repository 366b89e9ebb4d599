import { splitCsv } from '../core/csv.ts'
import { TsbError } from '../core/error.ts'
import { parseBoolean } from '../core/flag-values.ts'

/** The `key=value` fields of one `--output`, keys in lower case. */
export type Attributes = ReadonlyMap<string, string>

/** The fields of one `--output`. @throws TsbError `TSB_USAGE_OUTPUT` */
export function splitFields(text: string): readonly string[] {
  const fields = splitCsv(text)
  if (fields === undefined) throw usageError(`\`${text}\` has a stray quote`)
  return fields
}

/** A yes or no, by Go's strconv.ParseBool, as docker reads flags. @throws TsbError `TSB_USAGE_OUTPUT` */
export function flagOf(attributes: Attributes, key: string, fallback: boolean): boolean {
  const text = attributes.get(key)
  if (text === undefined) return fallback
  const value = parseBoolean(text)
  if (value !== undefined) return value
  throw usageError(`\`${key}=${text}\` is neither true nor false`, `write \`${key}=true\` or \`${key}=false\``)
}

/** An error in an `--output`. */
export function usageError(
  message: string,
  hint = 'write `--output type=oci,dest=FILE`; types are image, registry, oci, docker, tar and local',
): TsbError {
  return new TsbError('TSB_USAGE_OUTPUT', message, { fault: 'usage', hint })
}
