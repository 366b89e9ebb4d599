import type { FromInstruction } from '../instructions/from.ts'
import type { Checks } from './checks.ts'
import type { Rule } from './rule.ts'

const RULE: Rule = { name: 'DuplicateStageName', description: 'Stage names should be unique' }

/** Two stages with one name: only the later can be meant by it. `seen` has the names so far. */
export function checkDuplicateStageName({ raw, name }: FromInstruction, seen: ReadonlySet<string>, checks: Checks): void {
  if (name === '' || !seen.has(name)) return
  checks.report(RULE, [], () => ({
    raw,
    detail: `Duplicate stage name "${name}", stage names should be unique`,
    hint: 'give each stage a name of its own',
    at: raw.places.word(name),
  }))
}
