import { oneLine } from './log.ts'
import { displayWidth } from './width.ts'

const MIN_WIDTH = 10
const GAP = 3

/** Columns aligned as docker's tables are: at least ten wide, three apart, the last one as it comes. Cells become one clean line each. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows.map((row) => row.map(oneLine))]
  const widths = header.map((_, column) => Math.max(MIN_WIDTH, ...all.map((row) => displayWidth(row[column] ?? '') + GAP)))
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell + ' '.repeat((widths[column] ?? 0) - displayWidth(cell)))).join('')
  return all.map((row) => `${line(row)}\n`).join('')
}
