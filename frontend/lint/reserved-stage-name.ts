import type { FromInstruction } from '../instructions/from.ts'
import type { Checks } from './checks.ts'
import type { Rule } from './rule.ts'

const RULE: Rule = { name: 'ReservedStageName', description: 'Reserved words should not be used as stage names' }

/** `scratch` and `context` mean something else where a stage is looked up. */
export function checkReservedStageName({ raw, name }: FromInstruction, checks: Checks): void {
  if (name !== 'scratch' && name !== 'context') return
  checks.report(RULE, [], () => ({
    raw,
    detail: `Stage name should not use the same name as reserved stage "${name}"`,
    hint: 'give the stage another name',
    at: raw.places.word(name),
  }))
}
