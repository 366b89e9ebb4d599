import type { Rule } from './rule.ts'

/** Keywords all in one casing: the one that most of the file has, upper case when none has more. */
export const consistentInstructionCasing: Rule = {
  name: 'ConsistentInstructionCasing',
  *check(program) {
    const lower = program.raws.filter(({ keyword }) => keyword === keyword.toLowerCase()).length
    const upper = program.raws.filter(({ keyword }) => keyword === keyword.toUpperCase()).length
    for (const { keyword, name, places } of program.raws) {
      const wanted = lower > upper ? name.toLowerCase() : name
      if (keyword !== wanted)
        yield {
          message: `\`${keyword}\` is not in the casing of the other instructions`,
          hint: `write \`${wanted}\``,
          span: places.keyword(),
        }
    }
  },
}
