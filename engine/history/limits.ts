/** How much of the history is kept. */
export interface Retention {
  readonly builds: number
  readonly days: number
}

/** What is kept unless somebody says otherwise; docs/history.md tells it. */
export const DEFAULT_RETENTION: Retention = { builds: 200, days: 30 }

const DAY_MS = 24 * 3_600_000

/** What ended before this time (milliseconds since 1970) goes. */
export function oldestKept({ days }: Retention, now: number): number {
  return now - days * DAY_MS
}
