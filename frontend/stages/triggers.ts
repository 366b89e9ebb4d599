import type { SourceFile } from '../../core/span.ts'
import { readInstruction, type StageInstruction } from '../instructions/index.ts'
import { logicalLines, physicalLines } from '../lines.ts'
import { problem } from '../problems.ts'
import type { Stage } from '../program.ts'
import { placesAt } from '../source.ts'
import { splitInstruction } from '../split.ts'

/**
 * A base's ONBUILD triggers as instructions of the stage that builds on it (Dockerfile reference, "ONBUILD"). They have
 * no place of their own, so they stand where the stage's FROM does. Words are split as if they stood in a file without directives,
 * and expanded as the stage's file says.
 * @throws TsbError `TSB_DOCKERFILE_ONBUILD`, and what reading the instruction throws
 */
export function readTriggers(stage: Stage, texts: readonly string[]): readonly StageInstruction[] {
  const { span } = stage.from.raw
  return texts.map((trigger) => {
    const file: SourceFile = { name: 'ONBUILD', text: trigger }
    const [line, more] = logicalLines(file, physicalLines(trigger), '\\')
    if (line === undefined || more !== undefined) {
      throw problem(
        'TSB_DOCKERFILE_ONBUILD',
        `the base's trigger \`${trigger}\` is not one instruction`,
        span,
        'rebuild the base with a trigger of one instruction',
      )
    }
    const parts = splitInstruction(line.text)
    const instruction = readInstruction({
      ...parts,
      text: `ONBUILD ${parts.text}`,
      trailing: '',
      heredocs: line.heredocs,
      comments: [],
      blankLine: undefined,
      lastLine: span.start.line,
      span,
      places: placesAt(span),
      escape: '\\',
    })
    if (instruction.kind === 'from' || instruction.kind === 'onbuild' || instruction.kind === 'maintainer') {
      throw problem('TSB_DOCKERFILE_ONBUILD', `the base's trigger \`${trigger}\` is not allowed`, span, 'rebuild the base without it')
    }
    return { ...instruction, raw: { ...instruction.raw, escape: stage.from.raw.escape } }
  })
}
