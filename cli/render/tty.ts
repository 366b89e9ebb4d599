import type { BuildEvent } from '../../core/event.ts'
import { renderFailure } from './failure.ts'
import { type Line, LiveRegion, plainLine } from './live-region.ts'
import type { Look } from './look.ts'
import { type Palette, palette } from './palette.ts'
import type { Renderer } from './renderer.ts'
import { BuildRows, type Row } from './rows.ts'
import { type Symbols, symbolsFor } from './symbols.ts'
import type { Terminal } from './terminal.ts'
import { missLine, rowLine, summaryLine } from './tty-lines.ts'
import { liveLines } from './tty-live.ts'

/** Work outside the graph is only worth a line of its own when somebody had to wait for it. */
const TASK_WORTH_MS = 500
const FAILURE_LINES = 50
/** Times stand at the right, but not at the far end of a very wide screen. */
const MAX_COLUMNS = 120

/**
 * Progress for people. Steps that ended are printed once, in the order of their ends, and scroll away like any
 * output; below them a live region shows what runs, with the last lines of its log, and how far the build is.
 */
export class TtyRenderer implements Renderer {
  readonly #build = new BuildRows()
  readonly #terminal: Terminal
  readonly #colours: Palette
  readonly #symbols: Symbols
  readonly #region: LiveRegion
  readonly #stopListening: () => void
  #finished: Line[] = []
  #isOpen = true
  /** The later of the last event's time and the last tick's. */
  #now = 0

  constructor(terminal: Terminal, env: Readonly<Record<string, string | undefined>>) {
    this.#terminal = terminal
    this.#colours = palette(terminal.stderr, env)
    this.#symbols = symbolsFor(env)
    this.#region = new LiveRegion((text) => terminal.stderr.write(text))
    this.#stopListening = terminal.onResize(() => this.#draw())
  }

  /** Only the state changes here: frames come at the pace of `tick`, however fast a step talks. */
  event(event: BuildEvent): void {
    const change = this.#build.apply(event)
    this.#now = this.#build.time
    if (change !== undefined && change.row.ended > 0) this.#finish(change.row)
  }

  tick(now: number): void {
    this.#now = Math.max(now, this.#build.time)
    this.#draw()
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#stopListening()
    for (const { row } of this.#build.cancelRunning()) this.#finish(row)
    const look = this.#look()
    const failures = [...this.#build.rows.values()].map((row) => renderFailure(row, FAILURE_LINES)).filter((text) => text !== '')
    const blocks = failures.flatMap((text) => text.trimEnd().split('\n').map(plainLine))
    const summary = this.#build.outcome === 'succeeded' ? [summaryLine(this.#build, look)] : []
    this.#region.close([...this.#finished, ...blocks, ...summary], this.#terminal.size().columns)
    this.#finished = []
  }

  #finish(row: Row): void {
    const isWorthIt = row.kind === 'step' || row.state !== 'done' || row.ended - row.started >= TASK_WORTH_MS
    if (!isWorthIt) return
    this.#finished.push(rowLine(row, row.ended, this.#look(), ''))
    if (row.miss !== '') this.#finished.push(missLine(row.miss, this.#look()))
  }

  #draw(): void {
    const finished = this.#finished
    this.#finished = []
    this.#region.draw(finished, liveLines(this.#build, this.#now, this.#look()), this.#terminal.size().columns)
  }

  #look(): Look {
    const { columns, rows } = this.#terminal.size()
    // The last column stays free: many terminals wrap as soon as it is written.
    return { columns: Math.max(10, Math.min(columns - 1, MAX_COLUMNS)), rows, colours: this.#colours, symbols: this.#symbols }
  }
}
