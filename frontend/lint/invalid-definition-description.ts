import type { RawInstruction } from '../source.ts'
import type { Checks } from './checks.ts'
import type { Rule } from './rule.ts'

const RULE: Rule = {
  name: 'InvalidDefinitionDescription',
  description:
    'Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not intended to be a description comment, add an empty line or comment between the instruction and the comment.',
  experimental: true,
}

/** The comment right above a named stage or an ARG is its description, and begins with the name. */
export function checkDefinitionDescription(raw: RawInstruction, names: readonly string[], checks: Checks): void {
  const word = raw.comments.at(-1)?.split(' ')[0]
  if (word === undefined || names.length === 0 || names.includes(word)) return
  const name = names.length > 1 ? '<arg_key>' : (names[0] ?? '')
  checks.report(RULE, raw.comments, () => ({
    raw,
    detail: `Comment for ${raw.name} should follow the format: \`# ${name} <description>\``,
    hint: 'begin the comment with the name, or put an empty `#` line below it',
  }))
}
