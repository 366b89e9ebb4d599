import { type Line, plainLine } from './live-region.ts'
import { cleanLine } from './log.ts'
import type { Look } from './look.ts'
import type { BuildRows, Progress, Row } from './rows.ts'
import { rowLine } from './tty-lines.ts'
import { formatDuration, formatProgress } from './units.ts'
import { displayWidth, truncate } from './width.ts'

const SPINNER_MS = 100
const MAX_TAIL = 5
const BAR_COLUMNS = 24
const FEWEST_ROWS = 3

/** The live region: each running row with the end of its log, then the bar. Never higher than the screen. */
export function liveLines(build: BuildRows, now: number, look: Look): Line[] {
  const height = Math.max(FEWEST_ROWS, look.rows - 1) - 1
  const running = [...build.rows.values()].filter((row) => row.state === 'running').sort((a, b) => a.started - b.started)
  const shown = running.length > height ? running.slice(0, height - 1) : running
  const spinner = look.symbols.spinner[Math.floor(now / SPINNER_MS) % look.symbols.spinner.length] ?? ''
  const tails = shareTails(shown, height - shown.length)
  const lines = shown.flatMap((row, index) => [rowLine(row, now, look, spinner), ...tailLines(row, tails[index] ?? 0, look)])
  if (shown.length < running.length) lines.push(clipped(`   ${look.symbols.ellipsis} and ${running.length - shown.length} more`, look))
  return [...lines, barLine(build, now, look)]
}

/** How many lines of log each row gets: one each in turn, while there are rows of the screen left. */
function shareTails(rows: readonly Row[], room: number): number[] {
  const wanted = rows.map((row) => Math.min(MAX_TAIL, tailOf(row).length))
  const given = rows.map(() => 0)
  let left = room
  for (let round = 0; round < MAX_TAIL; round++) {
    for (const [index, count] of wanted.entries()) {
      if (count <= round || left === 0) continue
      given[index] = round + 1
      left--
    }
  }
  return given
}

function tailLines(row: Row, count: number, look: Look): Line[] {
  if (count === 0) return []
  return tailOf(row)
    .slice(-count)
    .map((text) => {
      const cut = truncate(text.replaceAll('\t', '  '), look.columns - 5, look.symbols.ellipsis)
      const plain = `   ${look.symbols.gutter} ${cut}`
      return { text: look.colours.dim(plain), width: displayWidth(plain) }
    })
}

/** Transfers that are under way, and the last lines of output, an unfinished one too (a prompt, a bar). */
function tailOf(row: Row): string[] {
  const transfers = [...row.progress.values()].filter(isUnderWay).map(progressText)
  const partial = row.lines.partial
  const lines = partial === '' ? row.log : [...row.log.slice(-MAX_TAIL), partial]
  return [...lines.slice(-MAX_TAIL).filter((line) => line.trim() !== ''), ...transfers]
}

function isUnderWay(progress: Progress): boolean {
  return progress.total === undefined || progress.current < progress.total
}

function progressText({ item, current, total }: Progress): string {
  return cleanLine(`${item} ${formatProgress(current, total)}`)
}

/** ` ━━━━━━──────── 3/7 · 4.2s` */
function barLine(build: BuildRows, now: number, look: Look): Line {
  const { ended, total } = build.counts()
  const elapsed = formatDuration(now - build.started)
  const label = total === 0 ? elapsed : `${ended}/${total} ${look.symbols.dot} ${elapsed}`
  const columns = Math.min(BAR_COLUMNS, look.columns - displayWidth(label) - 2)
  if (columns < 4) return clipped(` ${label}`, look)
  const done = total === 0 ? 0 : Math.floor((columns * ended) / total)
  const bar = look.colours.green(look.symbols.barDone.repeat(done)) + look.colours.dim(look.symbols.barRest.repeat(columns - done))
  return { text: ` ${bar} ${look.colours.dim(label)}`, width: columns + displayWidth(label) + 2 }
}

function clipped(text: string, look: Look): Line {
  return plainLine(truncate(text, look.columns, look.symbols.ellipsis))
}
