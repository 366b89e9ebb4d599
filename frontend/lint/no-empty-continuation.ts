import type { Rule } from './rule.ts'

/** A blank line inside an instruction looks like its end but is not. */
export const noEmptyContinuation: Rule = {
  name: 'NoEmptyContinuation',
  *check(program) {
    for (const { blankLine, name } of program.raws) {
      if (blankLine !== undefined)
        yield { message: `a blank line inside \`${name}\``, hint: 'take the line out, or the continuation before it', span: blankLine }
    }
  },
}
