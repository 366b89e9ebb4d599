import { TsbError } from '../../core/error.ts'
import type { Terminal } from './terminal.ts'

export type ProgressMode = 'plain' | 'tty' | 'quiet' | 'rawjson'

const MODES: ReadonlySet<string> = new Set(['plain', 'tty', 'quiet', 'rawjson'])

/**
 * Which renderer a build gets: `-q`, `--progress`, TSBUILD_PROGRESS, BUILDKIT_PROGRESS, in this order.
 * `auto` is `tty` on a terminal that can move its cursor, `plain` elsewhere.
 * @throws TsbError `TSB_USAGE_INVALID_VALUE`, `TSB_USAGE_NO_TERMINAL`
 */
export function progressMode(
  flags: { readonly quiet?: true; readonly progress?: string },
  env: Readonly<Record<string, string | undefined>>,
  terminal: Terminal,
): ProgressMode {
  if (flags.quiet) return 'quiet'
  const wanted = flags.progress || env.TSBUILD_PROGRESS || env.BUILDKIT_PROGRESS || 'auto'
  if (wanted === 'auto') return terminal.stderr.isTerminal && env.TERM !== 'dumb' ? 'tty' : 'plain'
  if (!isMode(wanted)) {
    throw new TsbError('TSB_USAGE_INVALID_VALUE', `invalid progress mode \`${wanted}\``, {
      fault: 'usage',
      hint: 'choose auto, plain, tty, quiet or rawjson',
    })
  }
  if (wanted === 'tty' && !terminal.stderr.isTerminal) {
    throw new TsbError('TSB_USAGE_NO_TERMINAL', 'progress mode `tty` needs a terminal on standard error', {
      fault: 'usage',
      hint: 'use `--progress plain`',
    })
  }
  return wanted
}

function isMode(text: string): text is ProgressMode {
  return MODES.has(text)
}
