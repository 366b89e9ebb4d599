import type { Terminal, TerminalSize } from '../../cli/render/terminal.ts'

/** A row of the screen; `wraps` says that the next row continues it. */
interface ScreenRow {
  cells: string
  wraps: boolean
}

/** What a terminal does with what the renderers write: cursor, clearing, wrapping, and reflow when its width changes. */
export class FakeTerminal implements Terminal {
  readonly stdin: { isTerminal: boolean; readLine: () => Promise<string> }
  /** What is typed, line by line. */
  readonly lines: string[] = []
  readonly stdout: { isTerminal: boolean; write: (text: string | Uint8Array) => void; drained: () => Promise<void> }
  readonly stderr: { isTerminal: boolean; write: (text: string | Uint8Array) => void; drained: () => Promise<void> }
  /** What went to stdout, and raw to stderr. */
  out = ''
  err = ''
  isCursorHidden = false
  readonly frames: string[] = []
  readonly #resizeListeners = new Set<() => void>()
  readonly #closedListeners: (() => void)[] = []
  #size: TerminalSize
  #screen: ScreenRow[] = [{ cells: '', wraps: false }]
  #row = 0
  #column = 0

  constructor(options: { columns?: number; rows?: number; isTerminal?: boolean } = {}) {
    const isTerminal = options.isTerminal ?? false
    this.#size = { columns: options.columns ?? 80, rows: options.rows ?? 24 }
    this.stdin = { isTerminal, readLine: async () => this.lines.shift() ?? '' }
    this.stdout = { isTerminal, write: (text) => (this.out += textOf(text)), drained: async () => {} }
    this.stderr = { isTerminal, write: (text) => this.#take(textOf(text)), drained: async () => {} }
  }

  size(): TerminalSize {
    return this.#size
  }

  onResize(listener: () => void): () => void {
    this.#resizeListeners.add(listener)
    return () => this.#resizeListeners.delete(listener)
  }

  onClosed(listener: () => void): void {
    this.#closedListeners.push(listener)
  }

  get hasListeners(): boolean {
    return this.#resizeListeners.size > 0
  }

  closeStdout(): void {
    for (const listener of this.#closedListeners) listener()
  }

  /** Rewraps what is shown, as most terminals do, and tells the program. */
  resize(columns: number): void {
    const logical: string[] = []
    let joined = ''
    for (const row of this.#screen) {
      joined += row.cells
      if (row.wraps) continue
      logical.push(joined)
      joined = ''
    }
    this.#size = { ...this.#size, columns }
    this.#screen = logical.flatMap((text) => wrap(text, columns))
    this.#row = this.#screen.length - 1
    this.#column = 0
    for (const listener of this.#resizeListeners) listener()
  }

  /** All rows since the beginning, scrolled out ones too. */
  screen(): string {
    return `${this.#screen
      .map((row) => row.cells.trimEnd())
      .join('\n')
      .trimEnd()}\n`
  }

  #take(text: string): void {
    this.err += text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it reads escape sequences
    for (const [piece, final] of [...text.matchAll(/\x1b\[\??[\d;]*([A-Za-z])|[\s\S]/gu)].map((match) => [match[0], match[1]] as const)) {
      if (final !== undefined) this.#control(piece, final)
      else this.#put(piece)
    }
    this.frames.push(this.screen())
  }

  #control(sequence: string, final: string): void {
    if (sequence === '\x1b[?25l') this.isCursorHidden = true
    else if (sequence === '\x1b[?25h') this.isCursorHidden = false
    else if (final === 'A') this.#moveUp(Number(sequence.slice(2, -1)))
    else if (sequence === '\x1b[K') this.#clearLine()
    else if (sequence === '\x1b[J') this.#clearBelow()
    else if (final !== 'm' && !sequence.includes('?2026')) throw new Error(`unexpected sequence ${JSON.stringify(sequence)}`)
  }

  #put(character: string): void {
    if (character === '\r') this.#column = 0
    else if (character === '\n') this.#newLine(false)
    else if (character < ' ') throw new Error(`control character ${JSON.stringify(character)} reached the terminal`)
    else {
      if (this.#column >= this.#size.columns) this.#newLine(true)
      const cells = [...this.#current.cells.padEnd(this.#column)]
      cells[this.#column] = character
      this.#current.cells = cells.join('')
      this.#column++
    }
  }

  #newLine(wraps: boolean): void {
    this.#current.wraps = wraps
    this.#row++
    this.#column = 0
    if (this.#row === this.#screen.length) this.#screen.push({ cells: '', wraps: false })
  }

  #moveUp(rows: number): void {
    // What has scrolled out is out of reach.
    const top = Math.max(0, this.#screen.length - this.#size.rows)
    this.#row = Math.max(top, this.#row - rows)
  }

  #clearLine(): void {
    this.#current.cells = this.#current.cells.slice(0, this.#column)
    this.#current.wraps = false
  }

  #clearBelow(): void {
    this.#clearLine()
    this.#screen.length = this.#row + 1
  }

  get #current(): ScreenRow {
    const row = this.#screen[this.#row]
    if (row === undefined) throw new Error('the cursor left the screen')
    return row
  }
}

function wrap(text: string, columns: number): ScreenRow[] {
  const trimmed = [...text.trimEnd()]
  const rows: ScreenRow[] = []
  for (let start = 0; start < Math.max(1, trimmed.length); start += columns) {
    rows.push({ cells: trimmed.slice(start, start + columns).join(''), wraps: start + columns < trimmed.length })
  }
  return rows
}

function textOf(text: string | Uint8Array): string {
  return typeof text === 'string' ? text : Buffer.from(text).toString('latin1')
}
