import type { RawInstruction } from '../source.ts'
import type { Checks } from './checks.ts'
import type { Rule } from './rule.ts'

const RULE: Rule = { name: 'UndefinedArgInFrom', description: 'FROM command must use declared ARGs' }

/** FROM sees only ARGs before the first FROM, and the platform's. Found while expanding; `known` are all declared names. */
export function undefinedArgInFrom(name: string, raw: RawInstruction, known: Iterable<string>, checks: Checks): void {
  const nearest = checks.nearest.find(name, known)
  checks.report(RULE, raw.comments, () => ({
    raw,
    detail: `FROM argument '${name}' is not declared${nearest === undefined ? '' : ` (did you mean ${nearest}?)`}`,
    hint: nearest === undefined ? `declare it with \`ARG ${name}\` before the first \`FROM\`` : `did you mean \`${nearest}\`?`,
    at: raw.places.variable(name),
  }))
}
