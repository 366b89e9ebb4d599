import type { RawInstruction } from '../source.ts'
import type { Checks } from './checks.ts'
import type { Rule } from './rule.ts'

const RULE: Rule = { name: 'UndefinedVar', description: 'Variables should be defined before their use' }

/** An instruction uses a variable that neither ARG nor ENV set. Found while expanding. */
export function undefinedVariable(name: string, raw: RawInstruction, known: Iterable<string>, checks: Checks): void {
  const nearest = checks.nearest.find(name, known)
  checks.report(RULE, raw.comments, () => ({
    raw,
    detail: `Usage of undefined variable '$${name}'${nearest === undefined ? '' : ` (did you mean $${nearest}?)`}`,
    hint: nearest === undefined ? `declare it with \`ARG ${name}\` or \`ENV ${name}=…\`` : `did you mean \`$${nearest}\`?`,
    at: raw.places.variable(name),
  }))
}
