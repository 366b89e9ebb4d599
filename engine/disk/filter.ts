import { TsbError } from '../../core/error.ts'
import type { DiskEntry } from './types.ts'

/** Whether an entry is meant. */
export type EntryFilter = (entry: DiskEntry) => boolean

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** By what entries can be told, and what each has. */
const FIELDS: Readonly<Record<string, (entry: DiskEntry) => string>> = {
  id: ({ id }) => id,
  type: ({ type }) => type,
  description: ({ description }) => description,
  inuse: ({ inUse }) => String(inUse),
  shared: ({ isShared }) => String(isShared),
  private: ({ isShared }) => String(!isShared),
  reclaimable: ({ isReclaimable }) => String(isReclaimable),
}

/**
 * Reads filters, all of which have to hold. `until` and `unused-for` are the same: nobody has used it for so long.
 * @throws TsbError `TSB_USAGE_INVALID_VALUE`
 */
export function parseFilters(texts: readonly string[], now: number): EntryFilter {
  const filters = texts.map((text) => parseFilter(text, now))
  return (entry) => filters.every((filter) => filter(entry))
}

function parseFilter(text: string, now: number): EntryFilter {
  const [, key = '', operator = '', value = ''] = /^([a-z-]*)(!=|~=|==|=|)(.*)$/s.exec(text) ?? []
  if (key === 'until' || key === 'unused-for') {
    const duration = operator === '=' ? parseDuration(value) : undefined
    if (duration === undefined) throw invalid(text, `write a duration: \`${key}=24h\``)
    return ({ used }) => used <= now - duration
  }
  const field = FIELDS[key]
  if (field === undefined) throw invalid(text, `tell things by \`until\`, \`unused-for\`, ${Object.keys(FIELDS).map(quoted).join(', ')}`)
  if (operator === '' && ['inuse', 'shared', 'private', 'reclaimable'].includes(key)) return (entry) => field(entry) === 'true'
  if (operator === '') throw invalid(text, `write it as \`${key}=VALUE\``)
  if (operator === '~=') {
    const pattern = expression(value, text)
    return (entry) => pattern.test(field(entry))
  }
  const isMeant = (entry: DiskEntry): boolean => (key === 'id' && value !== '' ? field(entry).startsWith(value) : field(entry) === value)
  return operator === '!=' ? (entry) => !isMeant(entry) : isMeant
}

/** Go's durations (`24h`, `1h30m`, `1.5s`), and days. */
function parseDuration(text: string): number | undefined {
  if (text === '0') return 0
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h|d))+$/.test(text)) return undefined
  const parts = [...text.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h|d)/g)]
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * (UNIT_MS[unit ?? ''] ?? 0), 0)
}

function expression(source: string, text: string): RegExp {
  try {
    return new RegExp(source)
  } catch {
    throw invalid(text, 'write a regular expression after `~=`')
  }
}

function invalid(text: string, hint: string): TsbError {
  return new TsbError('TSB_USAGE_INVALID_VALUE', `\`${text}\` is no filter`, { fault: 'usage', hint })
}

function quoted(text: string): string {
  return `\`${text}\``
}
