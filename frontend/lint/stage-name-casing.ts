import { splitBlanks } from '../split.ts'
import type { Rule } from './rule.ts'

/** Stage names are compared in lower case; `FROM` finds them in lower case only. */
export const stageNameCasing: Rule = {
  name: 'StageNameCasing',
  *check(program) {
    for (const { from } of program.stages) {
      const written = splitBlanks(from.raw.rest)[2] ?? ''
      if (written !== from.name) {
        yield {
          message: `stage name \`${written}\` has upper-case letters`,
          hint: `write \`${from.name}\``,
          span: from.raw.places.word(written),
        }
      }
    }
  },
}
