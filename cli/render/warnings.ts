import type { Diagnostic } from '../../core/diagnostic.ts'
import { renderExcerpt } from './frame.ts'
import { oneLine } from './log.ts'
import type { Palette } from './palette.ts'

/** More would push what the build said off the screen; `--check` has them all. */
const WITH_SOURCE = 8

/**
 * The block after a build: what was found, each with its lines in the source and a remedy, in the order of the file; of many the last
 * ones in a line each. Empty for no warnings.
 */
export function renderWarnings(diagnostics: readonly Diagnostic[], colours: Palette): string {
  const warnings = unique(diagnostics.filter((each) => each.severity === 'warning')).sort((a, b) => lineOf(a) - lineOf(b))
  if (warnings.length === 0) return ''
  const blocks = warnings.slice(0, WITH_SOURCE).map((each) => block(each, colours))
  const others = warnings.slice(WITH_SOURCE).map((each) => ` - ${each.code}: ${oneLine(each.message)}${place(each)}`)
  const more = others.length === 0 ? '' : `\n${others.join('\n')}\n`
  const title = ` ${warnings.length} warning${warnings.length === 1 ? '' : 's'} found:`
  return `\n${colours.yellow(title)}\n\n${blocks.join('\n')}${more}`
}

function block({ code, message, hint, spans }: Diagnostic, colours: Palette): string {
  const lines = [
    `${colours.yellow(colours.bold('warning:'))} ${oneLine(message)} ${colours.dim(`[${code}]`)}`,
    ...spans.map((span) => renderExcerpt(span, colours)),
    ...(hint === undefined ? [] : [`${colours.blue('hint:')} ${oneLine(hint)}`]),
  ]
  return `${lines.join('\n')}\n`
}

/** A variable used twice in one instruction is found twice, as BuildKit counts. */
function unique(warnings: readonly Diagnostic[]): Diagnostic[] {
  const keys = warnings.map((each) => `${each.code} ${each.message} ${lineOf(each)}`)
  return warnings.filter((_, index) => keys.indexOf(keys[index] as string) === index)
}

function lineOf({ spans }: Diagnostic): number {
  return spans[0]?.start.line ?? 0
}

function place({ spans }: Diagnostic): string {
  const [span] = spans
  return span === undefined ? '' : ` (${span.file.name}:${span.start.line})`
}
