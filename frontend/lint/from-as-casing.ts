import { splitBlanks } from '../split.ts'
import type { Rule } from './rule.ts'

/** `FROM … as` or `from … AS`: one instruction in two casings. */
export const fromAsCasing: Rule = {
  name: 'FromAsCasing',
  *check(program) {
    for (const { from } of program.stages) {
      const { keyword, rest, places } = from.raw
      const as = splitBlanks(rest)[1]
      const mixed = keyword !== keyword.toUpperCase() && keyword !== keyword.toLowerCase()
      if (as === undefined || mixed) continue
      const wanted = keyword === keyword.toUpperCase() ? 'AS' : 'as'
      if (as !== wanted)
        yield { message: `\`${as}\` is not in the casing of \`${keyword}\``, hint: `write \`${wanted}\``, span: places.word(as) }
    }
  },
}
