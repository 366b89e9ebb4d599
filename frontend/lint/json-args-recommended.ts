import type { RawInstruction } from '../source.ts'
import type { Checks } from './checks.ts'
import type { Rule } from './rule.ts'

const RULE: Rule = {
  name: 'JSONArgsRecommended',
  description: 'JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals',
}

/** A shell between the container and its program keeps signals from it. A SHELL of the image's says that it is wanted. */
export function jsonArgsRecommended(raw: RawInstruction, checks: Checks): void {
  checks.report(RULE, raw.comments, () => ({
    raw,
    detail: `JSON arguments recommended for ${raw.keyword} to prevent unintended behavior related to OS signals`,
    hint: `write \`${raw.name} ["program", "argument"]\``,
  }))
}
