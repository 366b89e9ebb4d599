import type { RawInstruction } from '../source.ts'
import type { Checks } from './checks.ts'
import type { Rule } from './rule.ts'

const RULE: Rule = {
  name: 'MultipleInstructionsDisallowed',
  description: 'Multiple instructions of the same type should not be used in the same stage',
}

/** Of several CMD, ENTRYPOINT or HEALTHCHECK of a stage only the last has an effect: `earlier` has none. */
export function multipleInstructionsDisallowed(earlier: RawInstruction, later: RawInstruction, checks: Checks): void {
  checks.report(RULE, later.comments, () => ({
    raw: earlier,
    detail: `Multiple ${later.keyword} instructions should not be used in the same stage because only the last one will be used`,
    hint: 'keep one of them',
  }))
}
