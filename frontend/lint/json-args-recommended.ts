import type { Program, Stage } from '../stages.ts'
import type { Rule } from './rule.ts'

/** A shell between the container and its program keeps signals from it. An explicit SHELL says that it is wanted. */
export const jsonArgsRecommended: Rule = {
  name: 'JSONArgsRecommended',
  *check(program) {
    for (const stage of program.stages) {
      let shell = inheritsShell(program, stage)
      for (const instruction of stage.instructions) {
        if (instruction.kind === 'shell') shell = true
        if (shell || (instruction.kind !== 'cmd' && instruction.kind !== 'entrypoint')) continue
        const { name, rest, span } = instruction.raw
        if (instruction.command.form === 'shell' && rest !== '') {
          yield {
            message: `\`${name}\` runs its program through a shell, which keeps signals from it`,
            hint: `write \`${name} ["program", "argument"]\``,
            span,
          }
        }
      }
    }
  },
}

function inheritsShell(program: Program, stage: Stage): boolean {
  const parent = program.stages.findLast((other) => other.index < stage.index && other.from.name === stage.from.base)
  if (parent === undefined || parent.from.name === '') return false
  return parent.instructions.some(({ kind }) => kind === 'shell') || inheritsShell(program, parent)
}
