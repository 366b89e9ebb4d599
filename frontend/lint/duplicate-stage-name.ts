import type { Rule } from './rule.ts'

/** Two stages with one name: only the later can be meant by it. */
export const duplicateStageName: Rule = {
  name: 'DuplicateStageName',
  *check(program) {
    const seen = new Set<string>()
    for (const { from } of program.stages) {
      if (from.name !== '' && seen.has(from.name)) {
        yield { message: `a second stage is called \`${from.name}\``, hint: 'give each stage a name of its own', span: from.raw.span }
      }
      seen.add(from.name)
    }
  },
}
