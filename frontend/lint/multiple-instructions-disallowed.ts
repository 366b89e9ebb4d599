import type { StageInstruction } from '../instructions/index.ts'
import type { Rule } from './rule.ts'

/** Of several CMD, ENTRYPOINT or HEALTHCHECK of a stage only the last has an effect. */
export const multipleInstructionsDisallowed: Rule = {
  name: 'MultipleInstructionsDisallowed',
  *check(program) {
    for (const { instructions } of program.stages) {
      const last = new Map<string, StageInstruction>()
      for (const instruction of instructions) {
        if (instruction.kind !== 'cmd' && instruction.kind !== 'entrypoint' && instruction.kind !== 'healthcheck') continue
        const earlier = last.get(instruction.kind)
        last.set(instruction.kind, instruction)
        if (earlier === undefined) continue
        const { name, span } = earlier.raw
        yield { message: `a later \`${name}\` of the stage replaces this one`, hint: 'keep one of them', span }
      }
    }
  },
}
