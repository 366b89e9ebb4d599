const UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 }
const TERM = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gy

/** Nanoseconds of a duration in Go's spelling (`1h2m3.5s`, `0`); `undefined` when it is none. */
export function parseDuration(text: string): number | undefined {
  const negative = text.startsWith('-')
  const body = text.replace(/^[+-]/, '')
  if (body === '0') return 0
  let total = 0
  let at = 0
  for (const match of body.matchAll(TERM)) {
    total += Number(match[1]) * (UNITS[match[2] ?? ''] ?? 0)
    at = match.index + match[0].length
  }
  if (at === 0 || at !== body.length) return undefined
  // Go counts in 64 bits.
  if (total >= 2 ** 63) return undefined
  return Math.round(negative ? -total : total)
}

/** Go's spelling of nanoseconds (`time.Duration.String`). */
export function formatDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return '0s'
  if (nanoseconds < 1e3) return `${nanoseconds}ns`
  if (nanoseconds < 1e6) return `${nanoseconds / 1e3}µs`
  if (nanoseconds < 1e9) return `${nanoseconds / 1e6}ms`
  const hours = Math.floor(nanoseconds / 3600e9)
  const minutes = Math.floor((nanoseconds % 3600e9) / 60e9)
  const seconds = decimal(nanoseconds % 60e9)
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`
}

/** Seconds with as many of the nine decimals as are needed. */
function decimal(nanoseconds: number): string {
  const fraction = String(Math.round(nanoseconds % 1e9))
    .padStart(9, '0')
    .replace(/0+$/, '')
  const whole = String(Math.floor(nanoseconds / 1e9))
  return fraction === '' ? whole : `${whole}.${fraction}`
}
