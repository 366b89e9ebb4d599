import type { Diagnostic } from '../../core/diagnostic.ts'
import type { Span } from '../../core/span.ts'
import type { CheckReport } from '../../engine/types.ts'
import { printableLine } from '../render/frame.ts'
import { oneLine } from '../render/log.ts'

const RULE = '-'.repeat(20)

/** What `--check` prints, letter by letter as buildx; errors are printed elsewhere. `name` is what the file is called. */
export function checkText({ warnings, errors }: CheckReport, name: string): string {
  if (warnings.length === 0) return errors.length > 0 ? '' : 'Check complete, no warnings found.\n'
  const count = warnings.length === 1 ? '1 warning has been found!' : `${warnings.length} warnings have been found!`
  const sorted = [...warnings].sort((a, b) => firstLine(a) - firstLine(b))
  const gap = errors.length > 0 ? '\n' : ''
  return `Check complete, ${count}\n${sorted.map((warning) => block(warning, name)).join('')}${gap}`
}

function block({ code, message, rule, within, spans }: Diagnostic, name: string): string {
  const page = rule?.url === undefined ? '' : ` - ${rule.url}`
  const span = within ?? spans[0]
  return `\nWARNING: ${code}${page}\n${oneLine(message)}\n${span === undefined ? '' : frame(span, name)}`
}

/** BuildKit's listing: up to two lines around one line, fewer around more. */
function frame({ file, start, end }: Span, name: string): string {
  const lines = file.text.split('\n')
  const last = Math.min(end.line, lines.length)
  let from = start.line
  let to = last
  const padding = from === to ? 4 : 2
  for (let added = 0; added < padding; added++) {
    if (from > 1) {
      from--
      added++
    }
    if (to !== lines.length) {
      to++
      added++
    }
  }
  const rows = lines.slice(from - 1, to).map((line, index) => {
    const number = from + index
    const mark = number >= start.line && number <= last ? '>>>' : '   '
    return ` ${String(number).padStart(3)} | ${mark} ${printableLine(line)}\n`
  })
  return `${name}:${start.line}\n${RULE}\n${rows.join('')}${RULE}\n`
}

function firstLine({ within, spans }: Diagnostic): number {
  return (within ?? spans[0])?.start.line ?? 0
}
