import type { FromInstruction } from '../instructions/from.ts'
import type { Checks } from './checks.ts'
import type { Rule } from './rule.ts'

const RULE: Rule = {
  name: 'InvalidDefaultArgInFrom',
  description: 'Default value for global ARG results in an empty or invalid base image name',
}

/** A base that is a name only with build arguments given. Found while expanding without them. */
export function invalidDefaultArgInFrom({ raw, base }: FromInstruction, checks: Checks): void {
  checks.report(RULE, [], () => ({
    raw,
    detail: `Default value for ARG ${base} results in empty or invalid base image name`,
    hint: 'give the argument a default before the first `FROM` that makes a valid name',
    at: raw.places.word(base),
  }))
}
