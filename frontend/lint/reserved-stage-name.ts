import type { Rule } from './rule.ts'

/** `scratch` and `context` mean something else where a stage is looked up. */
export const reservedStageName: Rule = {
  name: 'ReservedStageName',
  *check(program) {
    for (const { from } of program.stages) {
      if (from.name === 'scratch' || from.name === 'context') {
        yield { message: `\`${from.name}\` is a reserved name`, hint: 'give the stage another name', span: from.raw.places.word(from.name) }
      }
    }
  },
}
