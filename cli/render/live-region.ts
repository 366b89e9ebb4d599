import { displayWidth } from './width.ts'

const SYNC_START = '\x1b[?2026h'
const SYNC_END = '\x1b[?2026l'
const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
const CLEAR_REST_OF_LINE = '\x1b[K'
const CLEAR_BELOW = '\x1b[J'

/** A line with its width kept apart: colours count for nothing. */
export interface Line {
  readonly text: string
  /** Without colours. */
  readonly width: number
}

/** A line of plain text. */
export function plainLine(text: string): Line {
  return { text, width: displayWidth(text) }
}

/**
 * The last lines of the screen, drawn over and over, with finished lines pushed out above them. Every frame is one
 * write that overwrites in place (nothing is blanked first), bracketed for terminals with synchronised updates.
 */
export class LiveRegion {
  readonly #write: (text: string) => void
  #drawn: readonly Line[] = []
  #isHidden = false

  constructor(write: (text: string) => void) {
    this.#write = write
  }

  /** Prints `finished` for good, and `live` below it, in a terminal that is `columns` wide now. */
  draw(finished: readonly Line[], live: readonly Line[], columns: number): void {
    const isSame = finished.length === 0 && sameLines(live, this.#drawn)
    if (isSame) return
    const body = [...finished, ...live].map((line) => `${line.text}${CLEAR_REST_OF_LINE}\n`).join('')
    const hide = this.#isHidden ? '' : HIDE_CURSOR
    this.#isHidden = true
    this.#write(`${SYNC_START}${hide}${this.#goToTop(columns)}${body}${CLEAR_BELOW}${SYNC_END}`)
    this.#drawn = live
  }

  /** Prints `finished` in place of the live lines and gives the terminal back. */
  close(finished: readonly Line[], columns: number): void {
    const body = finished.map((line) => `${line.text}${CLEAR_REST_OF_LINE}\n`).join('')
    const text = `${this.#goToTop(columns)}${body}${this.#drawn.length > 0 ? CLEAR_BELOW : ''}${this.#isHidden ? SHOW_CURSOR : ''}`
    this.#drawn = []
    this.#isHidden = false
    if (text !== '') this.#write(text)
  }

  /** A terminal that became narrower has wrapped the lines we drew: count what they take now. */
  #goToTop(columns: number): string {
    const rows = this.#drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(line.width / columns)), 0)
    return rows === 0 ? '' : `\r\x1b[${rows}A`
  }
}

function sameLines(a: readonly Line[], b: readonly Line[]): boolean {
  return a.length === b.length && a.every((line, index) => line.text === b[index]?.text)
}
