import type { Rule } from './rule.ts'

/** `ENV name value` takes the whole line for one value, which surprises. */
export const legacyKeyValueFormat: Rule = {
  name: 'LegacyKeyValueFormat',
  *check(program) {
    for (const { instructions } of program.stages) {
      for (const instruction of instructions) {
        if ((instruction.kind !== 'env' && instruction.kind !== 'label') || !instruction.legacy) continue
        const { name, span } = instruction.raw
        yield { message: `\`${name} name value\` is an old form`, hint: `write \`${name} name=value\``, span }
      }
    }
  },
}
