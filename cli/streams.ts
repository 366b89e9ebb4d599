import { TsbError } from '../core/error.ts'

/** Somebody would have to type an archive. */
export function readsTerminal(hint: string): TsbError {
  return new TsbError('TSB_USAGE_STDIN_TERMINAL', 'cannot read an archive from a terminal', { fault: 'usage', hint })
}

/** An archive would land on the screen. */
export function writesTerminal(hint: string): TsbError {
  return new TsbError('TSB_USAGE_STDOUT_TERMINAL', 'refusing to write an archive to a terminal', { fault: 'usage', hint })
}
