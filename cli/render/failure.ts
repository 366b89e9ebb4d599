import type { Row } from './rows.ts'

const RULE = '------'

/** The end of a failed step's log between rules, as BuildKit prints it; empty for what failed without any output. */
export function renderFailure(row: Row, maxLines: number): string {
  if (row.state !== 'failed' || row.log.length === 0) return ''
  const shown = row.log.slice(-maxLines)
  const hidden = row.hidden + row.log.length - shown.length
  const gap = hidden === 0 ? [] : [`… ${hidden} earlier lines`]
  return `${[RULE, ` > ${row.name}:`, ...gap, ...shown, RULE].join('\n')}\n`
}
