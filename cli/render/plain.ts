import type { BuildEvent } from '../../core/event.ts'
import { renderFailure } from './failure.ts'
import { instructionOf } from './miss.ts'
import type { Renderer } from './renderer.ts'
import { BuildRows, type Change, type Progress, type Row, unchangedText } from './rows.ts'
import { formatProgress, formatSeconds } from './units.ts'

/** A row with the lines of it that wait for their turn. */
interface Block {
  readonly row: Row
  readonly queue: string[]
  /** `#N`, given when first printed. */
  number: number
  /** What was last printed of each progress entry. */
  readonly printed: Map<string, Printed>
}

/** A printed line of progress. */
interface Printed {
  readonly current: number
  readonly time: number
}

/** A block that has the floor keeps it at least so long, if others have something to say … */
const STAY_MS = 5000
/** … unless it has been silent for so long. */
const SILENT_MS = 2000
const FAILURE_LINES = 10
/** A progress entry gets no second line sooner, however fast it moves; its last line comes at once. */
const PROGRESS_MS = 500

/**
 * Numbered blocks of lines for logs and CI, in BuildKit's plain format: `#5 [2/3] RUN make`, `#5 0.123 text`,
 * `#5 DONE 1.2s`. Steps that run at once are kept apart: one block has the floor, the others wait in a queue.
 */
export class PlainRenderer implements Renderer {
  readonly #rows = new BuildRows()
  readonly #write: (text: string) => void
  readonly #waiting: Map<Row, Block> = new Map()
  #current: Block | undefined
  #currentSince = 0
  #numbers = 0
  #out: string[] = []

  constructor(write: (text: string) => void) {
    this.#write = write
  }

  event(event: BuildEvent): void {
    const change = this.#rows.apply(event)
    if (change !== undefined) this.#take(change, event.time)
    this.#print(event.time)
  }

  tick(now: number): void {
    this.#print(now)
  }

  close(): void {
    for (const change of this.#rows.cancelRunning()) this.#take(change, this.#rows.time)
    this.#print(this.#rows.time)
    for (const row of this.#rows.rows.values()) this.#out.push(renderFailure(row, FAILURE_LINES))
    this.#flush()
  }

  #take({ row, lines, item, isExplained }: Change, time: number): void {
    const block = this.#waiting.get(row) ?? (this.#current?.row === row ? this.#current : newBlock(row))
    if (block !== this.#current) this.#waiting.set(row, block)
    if (isExplained) block.queue.push(`miss: ${instructionOf(row.name)} · ${row.miss}`)
    const stamp = logTime(time - row.started)
    for (const line of lines) block.queue.push(`${stamp} ${line}`)
    const progress = item === undefined ? undefined : row.progress.get(item)
    if (progress !== undefined) takeProgress(block, progress, time)
    if (row.ended > 0) block.queue.push(endLine(row))
  }

  #print(now: number): void {
    for (;;) {
      const current = this.#current
      if (current !== undefined) this.#printQueue(current)
      if (current !== undefined && current.row.ended === 0 && !this.#mustYield(current, now)) break
      const next = this.#next()
      if (next === undefined) {
        if (current !== undefined && current.row.ended > 0) this.#leave(current)
        break
      }
      if (current !== undefined) this.#leave(current)
      this.#enter(next, now)
    }
    this.#flush()
  }

  /** Whether another block has something to say and this one had the floor long enough. */
  #mustYield(current: Block, now: number): boolean {
    if (now - this.#currentSince < SILENT_MS) return false
    const isDue = now - this.#currentSince >= STAY_MS || now - current.row.lastActive >= SILENT_MS
    return isDue && [...this.#waiting.values()].some((block) => block.queue.length > 0)
  }

  /** Ended blocks first, in the order of their ends; then those that say something; then those that have just begun. */
  #next(): Block | undefined {
    const waiting = [...this.#waiting.values()]
    const ended = waiting.filter((block) => block.row.ended > 0).sort((a, b) => a.row.ended - b.row.ended)
    return ended[0] ?? waiting.find((block) => block.queue.length > 0) ?? waiting.find((block) => block.number === 0)
  }

  #enter(block: Block, now: number): void {
    this.#waiting.delete(block.row)
    if (block.number === 0) block.number = ++this.#numbers
    this.#current = block
    this.#currentSince = now
    this.#out.push(`#${block.number} ${block.row.name}\n`)
  }

  #leave(block: Block): void {
    this.#current = undefined
    if (block.row.ended === 0) {
      this.#waiting.set(block.row, block)
      this.#out.push(`#${block.number} ...\n`)
    }
    this.#out.push('\n')
  }

  #printQueue(block: Block): void {
    for (const line of block.queue.splice(0)) this.#out.push(`#${block.number} ${line}\n`)
  }

  #flush(): void {
    const text = this.#out.join('')
    this.#out = []
    if (text !== '') this.#write(text)
  }
}

function newBlock(row: Row): Block {
  return { row, queue: [], number: 0, printed: new Map() }
}

/** A progress line when the entry is new, complete, or has moved by 5 % or 5 s since its last line, a while ago. */
function takeProgress(block: Block, progress: Progress, time: number): void {
  const { item, current, total, started } = progress
  const last = block.printed.get(item)
  const isDone = total !== undefined && current >= total
  if (last !== undefined && (last.current === current || !(isDone || hasMoved(progress, time, last)))) return
  block.printed.set(item, { current, time })
  const elapsed = time - started > 10 ? ` ${formatSeconds(time - started)}` : ''
  block.queue.push(`${item} ${formatProgress(current, total)}${elapsed}${isDone ? ' done' : ''}`)
}

function hasMoved({ current, total }: Progress, time: number, last: Printed): boolean {
  if (time - last.time < PROGRESS_MS) return false
  return time - last.time >= 5000 || (total !== undefined && current - last.current >= total / 20)
}

function endLine(row: Row): string {
  switch (row.state) {
    case 'cached':
      return 'CACHED'
    case 'unchanged':
      return `DONE ${formatSeconds(row.ended - row.started)} (${unchangedText(row)})`
    case 'failed':
      return `ERROR: ${row.error}`
    case 'canceled':
      return 'CANCELED'
    default:
      return `DONE ${formatSeconds(row.ended - row.started)}`
  }
}

/** Seconds since the step began, with the precision that matters at that size. */
function logTime(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000
  return seconds.toFixed(seconds < 10 ? 3 : seconds < 100 ? 2 : 1)
}
