import type { RawInstruction } from '../source.ts'
import type { Checks } from './checks.ts'
import type { Rule } from './rule.ts'

const RULE: Rule = {
  name: 'ConsistentInstructionCasing',
  description: 'All commands within the Dockerfile should use the same casing (either upper or lower)',
}

/** Keywords of the stages all in one casing: the one that most have, upper case when none has more. */
export function checkInstructionCasing(raws: readonly RawInstruction[], checks: Checks): void {
  const lower = raws.filter(({ keyword }) => keyword === keyword.toLowerCase()).length
  const upper = raws.filter(({ keyword }) => keyword === keyword.toUpperCase()).length
  const wantsLower = lower > upper
  for (const raw of raws) {
    const { keyword, name } = raw
    const wanted = wantsLower ? name.toLowerCase() : name
    if (keyword === wanted) continue
    checks.report(RULE, [], () => ({
      raw,
      detail: `Command '${keyword}' should match the case of the command majority (${wantsLower ? 'lowercase' : 'uppercase'})`,
      hint: `write \`${wanted}\``,
      at: raw.places.keyword(),
    }))
  }
}
