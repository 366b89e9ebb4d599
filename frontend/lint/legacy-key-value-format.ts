import type { RawInstruction } from '../source.ts'
import type { Checks } from './checks.ts'
import type { Rule } from './rule.ts'

const RULE: Rule = {
  name: 'LegacyKeyValueFormat',
  description: 'Legacy key/value format with whitespace separator should not be used',
}

/** `ENV name value` takes the whole line for one value, which surprises. */
export function legacyKeyValueFormat(raw: RawInstruction, checks: Checks): void {
  const { keyword, name } = raw
  checks.report(RULE, raw.comments, () => ({
    raw,
    detail: `"${keyword} key=value" should be used instead of legacy "${keyword} key value" format`,
    hint: `write \`${name} name=value\``,
  }))
}
