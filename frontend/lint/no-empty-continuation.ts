import type { RawInstruction } from '../source.ts'
import type { Checks } from './checks.ts'
import type { Rule } from './rule.ts'

const RULE: Rule = { name: 'NoEmptyContinuation', description: 'Empty continuation lines will become errors in a future release' }

/** A blank line inside an instruction looks like its end but is not. Docker points at the instruction's last line. */
export function checkNoEmptyContinuation(raw: RawInstruction, checks: Checks): void {
  const { blankLine, lastLine, span } = raw
  if (blankLine === undefined) return
  const end = { line: lastLine, column: 1 }
  checks.report(RULE, [], () => ({
    raw,
    detail: 'Empty continuation line',
    hint: 'take the line out, or the continuation before it',
    at: blankLine,
    within: { file: span.file, start: end, end },
  }))
}
