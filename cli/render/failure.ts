import type { Row } from './rows.ts'

const RULE = '------'
const SHOWN_STEPS = 5

/**
 * The end of a failed step's log between rules, as BuildKit prints it, and the steps that ran beside it and were canceled: one of them
 * may be what it stumbled over. Empty for what failed alone and without any output.
 */
export function renderFailure(row: Row, maxLines: number): string {
  if (row.state !== 'failed') return ''
  return [...renderLog(row, maxLines), ...renderOthers(row)].map((line) => `${line}\n`).join('')
}

function renderLog({ name, log, hidden }: Row, maxLines: number): readonly string[] {
  if (log.length === 0) return []
  const shown = log.slice(-maxLines)
  const missing = hidden + log.length - shown.length
  const gap = missing === 0 ? [] : [`… ${missing} earlier lines`]
  return [RULE, ` > ${name}:`, ...gap, ...shown, RULE]
}

function renderOthers({ alsoRunning }: Row): readonly string[] {
  const rest = alsoRunning.length - SHOWN_STEPS
  const more = rest > 0 ? [`also running: ${rest} more`] : []
  return [...alsoRunning.slice(0, SHOWN_STEPS).map((name) => `also running: ${name}`), ...more]
}
