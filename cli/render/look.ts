import type { Palette } from './palette.ts'
import type { Symbols } from './symbols.ts'

/** How a row or region is to look: everything the drawing functions need beside the build's state. */
export interface Look {
  /** Columns to use. */
  readonly columns: number
  readonly rows: number
  readonly colours: Palette
  readonly symbols: Symbols
}
