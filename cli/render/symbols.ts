/** The signs of the live display. */
export interface Symbols {
  readonly done: string
  readonly cached: string
  readonly failed: string
  readonly canceled: string
  readonly spinner: readonly string[]
  readonly gutter: string
  readonly barDone: string
  readonly barRest: string
  readonly ellipsis: string
  readonly dot: string
}

const UNICODE: Symbols = {
  done: '✔',
  cached: '✔',
  failed: '✘',
  canceled: '■',
  spinner: ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'],
  gutter: '│',
  barDone: '━',
  barRest: '─',
  ellipsis: '…',
  dot: '·',
}

const ASCII: Symbols = {
  done: '*',
  cached: '=',
  failed: 'x',
  canceled: '-',
  spinner: ['|', '/', '-', '\\'],
  gutter: '|',
  barDone: '#',
  barRest: '.',
  ellipsis: '~',
  dot: '-',
}

/** ASCII where the locale says so or the console has no font for more; an unset locale is taken for UTF-8. */
export function symbolsFor(env: Readonly<Record<string, string | undefined>>): Symbols {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || 'UTF-8'
  return env.TERM === 'linux' || !/utf-?8/i.test(locale) ? ASCII : UNICODE
}
