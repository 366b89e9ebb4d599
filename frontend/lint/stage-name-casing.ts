import type { RawInstruction } from '../source.ts'
import { splitBlanks } from '../split.ts'
import type { Checks } from './checks.ts'
import type { Rule } from './rule.ts'

const RULE: Rule = { name: 'StageNameCasing', description: 'Stage names should be lowercase' }

/** Stage names are compared in lower case; `FROM` finds them in lower case only. */
export function checkStageNameCasing(raw: RawInstruction, checks: Checks): void {
  const words = splitBlanks(raw.rest)
  const name = words[2] ?? ''
  if (words.length !== 3 || name === name.toLowerCase()) return
  checks.report(RULE, raw.comments, () => ({
    raw,
    detail: `Stage name '${name}' should be lowercase`,
    hint: `write \`${name.toLowerCase()}\``,
    at: raw.places.word(name),
  }))
}
