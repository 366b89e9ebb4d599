import { type Attributes, flagOf, usageError } from './output-attributes.ts'
import type { OutputTimes } from './types.ts'

/** The options of `--output` about times. */
export const TIME_OPTIONS = ['source-date-epoch', 'rewrite-timestamp'] as const

/**
 * Reads the options about times as BuildKit does; `undefined` when there are none.
 * @throws TsbError `TSB_USAGE_OUTPUT`
 */
export function parseTimeOptions(attributes: Attributes): OutputTimes | undefined {
  if (!TIME_OPTIONS.some((name) => attributes.has(name))) return undefined
  const text = attributes.get('source-date-epoch')
  const rewrite = flagOf(attributes, 'rewrite-timestamp', false)
  return text === undefined ? { rewrite } : { rewrite, epoch: text === '' ? 'none' : secondsOf(text) }
}

function secondsOf(text: string): number {
  const seconds = /^[+-]?\d{1,12}$/.test(text) ? Number(text) : Number.NaN
  // RFC 3339 can write the years 0 to 9999.
  if (seconds >= -62_167_219_200 && seconds <= 253_402_300_799) return seconds
  throw usageError(`\`source-date-epoch=${text}\` is not a time`, 'write seconds since 1970')
}
