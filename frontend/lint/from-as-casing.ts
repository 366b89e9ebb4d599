import type { RawInstruction } from '../source.ts'
import { splitBlanks } from '../split.ts'
import type { Checks } from './checks.ts'
import type { Rule } from './rule.ts'

const RULE: Rule = { name: 'FromAsCasing', description: "The 'as' keyword should match the case of the 'from' keyword" }

/** `FROM … as` or `from … AS`: one instruction in two casings. A `From` is another rule's matter. */
export function checkFromAsCasing(raw: RawInstruction, checks: Checks): void {
  const { keyword } = raw
  const [, as, name] = splitBlanks(raw.rest)
  if (as === undefined || name === undefined) return
  const isLower = keyword === keyword.toLowerCase()
  if (!isLower && keyword !== keyword.toUpperCase()) return
  const wanted = isLower ? as.toLowerCase() : as.toUpperCase()
  if (as === wanted) return
  checks.report(RULE, raw.comments, () => ({
    raw,
    detail: `'${as}' and '${keyword}' keywords' casing do not match`,
    hint: `write \`${wanted}\``,
    at: raw.places.word(as),
  }))
}
