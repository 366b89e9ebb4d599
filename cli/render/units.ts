const SIZE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const
const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Bytes in decimal units with three significant digits, as `docker images` writes them: `72.8MB`. */
export function formatSize(bytes: number): string {
  const { value, unit } = scale(bytes, (scaled) => Number(scaled.toPrecision(3)))
  return `${value}${unit}`
}

/** Bytes in decimal units with two decimals, as progress lines write them: `12.30MB`. */
export function formatBytes(bytes: number): string {
  const { value, unit } = scale(bytes, (scaled) => Number(scaled.toFixed(2)))
  return unit === 'B' ? `${value}B` : `${value.toFixed(2)}${unit}`
}

/** How far something is: `1.00MB / 12.35MB`; without a total the number counts things (`files 312`), not bytes. */
export function formatProgress(current: number, total: number | undefined): string {
  return total === undefined ? String(current) : `${formatBytes(current)} / ${formatBytes(total)}`
}

/** The largest unit in which the rounded number is still below 1000. */
function scale(bytes: number, round: (value: number) => number): { readonly value: number; readonly unit: string } {
  let value = bytes
  let unit = 0
  while (round(value) >= 1000 && unit < SIZE_UNITS.length - 1) {
    value /= 1000
    unit++
  }
  return { value: round(value), unit: SIZE_UNITS[unit] as string }
}

/** A duration in docker's words: `About an hour`, `3 weeks`. A time in the future counts as now. */
export function formatAge(milliseconds: number): string {
  const age = Math.max(0, milliseconds)
  if (age < SECOND) return 'Less than a second'
  if (age < MINUTE) return plural(age / SECOND, 'second')
  if (age < 2 * MINUTE) return 'About a minute'
  if (age < HOUR) return plural(age / MINUTE, 'minute')
  // Docker rounds hours and cuts the rest.
  const hours = Math.round(age / HOUR)
  if (hours === 1) return 'About an hour'
  if (hours < 48) return plural(hours, 'hour')
  if (hours < 14 * 24) return plural(age / DAY, 'day')
  if (hours < 60 * 24) return plural(age / (7 * DAY), 'week')
  if (hours < 730 * 24) return plural(age / (30 * DAY), 'month')
  return plural(age / (365 * DAY), 'year')
}

function plural(count: number, noun: string): string {
  const whole = Math.floor(count)
  return `${whole} ${noun}${whole === 1 ? '' : 's'}`
}

/** Seconds with one decimal: `1.2s`. */
export function formatSeconds(milliseconds: number): string {
  return `${(Math.max(0, milliseconds) / SECOND).toFixed(1)}s`
}

/** As `formatSeconds` below a minute, then `2m05s`, `1h02m`: never wider than six columns below 100 hours. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / SECOND
  if (seconds < 59.95) return `${seconds.toFixed(1)}s`
  const minutes = Math.floor(Math.round(seconds) / 60)
  if (minutes < 60) return `${minutes}m${String(Math.round(seconds) % 60).padStart(2, '0')}s`
  return `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, '0')}m`
}
