import type { Line } from './live-region.ts'
import type { Look } from './look.ts'
import { type BuildRows, type Row, unchangedText } from './rows.ts'
import { formatDuration } from './units.ts'
import { displayWidth, truncate } from './width.ts'

const TIME_COLUMNS = 7
/** Narrower than this, the times go and the names stay. */
const MIN_COLUMNS_FOR_TIME = 24

/** ` ✔ [2/3] RUN make        1.2s`: a sign, the name cut to what fits, the time or `cached` at the right. */
export function rowLine(row: Row, now: number, look: Look, spinner: string): Line {
  const { sign, paint } = signOf(row, look, spinner)
  const right = look.columns < MIN_COLUMNS_FOR_TIME ? '' : rightOf(row, now)
  const room = look.columns - displayWidth(sign) - 2 - (right === '' ? 0 : TIME_COLUMNS + 1)
  const note = row.state === 'unchanged' ? ` ${look.symbols.dot} ${unchangedText(row)}` : ''
  const name = truncate(`${row.name}${note}`, room, look.symbols.ellipsis)
  const gap = right === '' ? '' : ' '.repeat(room - displayWidth(name) + 1 + Math.max(0, TIME_COLUMNS - right.length))
  const isCalm = row.state === 'cached' || row.kind === 'task'
  const text = ` ${paint(sign)} ${isCalm && row.state !== 'failed' ? look.colours.dim(name) : name}${gap}${look.colours.dim(right)}`
  return { text, width: displayWidth(` ${sign} ${name}${gap}${right}`) }
}

/** `   miss: ARG GIT_SHA changed`, below the step that it is about. */
export function missLine(miss: string, look: Look): Line {
  const text = truncate(`   miss: ${miss}`, look.columns, look.symbols.ellipsis)
  return { text: look.colours.dim(text), width: displayWidth(text) }
}

/** ` ✔ built app:latest · 4.2s · 7 steps, 4 cached · 0123456789ab`: as many parts as fit. */
export function summaryLine(build: BuildRows, look: Look): Line {
  const { ended, cached } = build.counts()
  const names = build.tags.length === 0 ? '' : ` ${build.tags.join(', ')}`
  const steps = `${ended} step${ended === 1 ? '' : 's'}${cached === 0 ? '' : `, ${cached} cached`}`
  const rest = [formatDuration(build.time - build.started), steps, ...(build.image === undefined ? [] : [shortId(build.image)])]
  const head = truncate(`built${names}`, look.columns - 3, look.symbols.ellipsis)
  let tail = ''
  for (const part of rest) {
    const longer = `${tail} ${look.symbols.dot} ${part}`
    if (displayWidth(head) + displayWidth(longer) + 3 > look.columns) break
    tail = longer
  }
  const sign = look.symbols.done
  return {
    text: ` ${look.colours.green(sign)} ${look.colours.bold(head)}${look.colours.dim(tail)}`,
    width: displayWidth(` ${sign} ${head}${tail}`),
  }
}

function signOf(row: Row, { symbols, colours }: Look, spinner: string): { sign: string; paint: (text: string) => string } {
  switch (row.state) {
    case 'waiting':
    case 'running':
      return { sign: spinner, paint: colours.blue }
    case 'cached':
      return { sign: symbols.cached, paint: colours.dim }
    case 'done':
    case 'unchanged':
      return { sign: symbols.done, paint: colours.green }
    case 'failed':
      return { sign: symbols.failed, paint: colours.red }
    case 'canceled':
      return { sign: symbols.canceled, paint: colours.yellow }
  }
}

function rightOf(row: Row, now: number): string {
  return row.state === 'cached' ? 'cached' : formatDuration(now - row.started)
}

function shortId(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1).slice(0, 12)
}
