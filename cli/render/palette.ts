import type { Output } from './terminal.ts'

/** The few looks that messages use; each leaves the text as it is where colour is off. */
export interface Palette {
  bold(text: string): string
  dim(text: string): string
  red(text: string): string
  green(text: string): string
  yellow(text: string): string
  blue(text: string): string
}

/** Colours of the terminal's own sixteen, so that they fit its theme; none for NO_COLOR, a dumb terminal or a file. */
export function palette(output: Pick<Output, 'isTerminal'>, env: Readonly<Record<string, string | undefined>>): Palette {
  const off = (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb' || !output.isTerminal
  const look =
    (start: number, end: number) =>
    (text: string): string =>
      off || text === '' ? text : `\x1b[${start}m${text}\x1b[${end}m`
  return { bold: look(1, 22), dim: look(2, 22), red: look(31, 39), green: look(32, 39), yellow: look(33, 39), blue: look(34, 39) }
}
