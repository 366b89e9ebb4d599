import type { SourceFile } from '../core/span.ts'
import type { Directives } from './directives.ts'
import type { ArgInstruction } from './instructions/arg.ts'
import type { FromInstruction } from './instructions/from.ts'
import { readInstruction, type StageInstruction } from './instructions/index.ts'
import { parseFile } from './parse.ts'
import { type Problems, problem } from './problems.ts'
import type { RawInstruction } from './source.ts'

/** A Dockerfile, each instruction understood by itself. */
export interface Program {
  readonly directives: Directives
  /** ARG before the first FROM. */
  readonly globalArgs: readonly ArgInstruction[]
  readonly stages: readonly Stage[]
  readonly raws: readonly RawInstruction[]
}

export interface Stage {
  readonly index: number
  readonly from: FromInstruction
  readonly instructions: readonly StageInstruction[]
}

/** The stage's name in messages: its own, or its index. */
export function stageId(stage: Stage): string {
  return stage.from.name === '' ? String(stage.index) : stage.from.name
}

/**
 * Reads a Dockerfile into stages. Problems of single instructions go to `problems`, and what they leave is returned.
 * @throws TsbError when the file cannot be split into instructions at all, see `parseFile`
 */
export function readProgram(file: SourceFile, problems: Problems): Program {
  const { directives, instructions: raws } = parseFile(file)
  const globalArgs: ArgInstruction[] = []
  const stages: { index: number; from: FromInstruction; instructions: StageInstruction[] }[] = []
  // After a FROM that cannot be read, what follows is still checked, but the stage is not built.
  let fromSeen = false
  let complained = false
  for (const raw of raws) {
    if (raw.name === 'FROM') fromSeen = true
    const instruction = problems.attempt(raw.span, () => readInstruction(raw))
    if (instruction === undefined) continue
    if (instruction.kind === 'from') stages.push({ index: stages.length, from: instruction, instructions: [] })
    else if (fromSeen) stages.at(-1)?.instructions.push(instruction)
    else if (instruction.kind === 'arg') globalArgs.push(instruction)
    else if (!complained) {
      complained = true
      problems.add(noFrom(`\`${raw.name}\` stands before the first \`FROM\``, raw), raw.span)
    }
  }
  const last = raws.at(-1)
  if (!fromSeen && !complained && last !== undefined && !problems.any) problems.add(noFrom('there is no `FROM`', last), last.span)
  return { directives, globalArgs, stages, raws }
}

function noFrom(message: string, raw: RawInstruction): ReturnType<typeof problem> {
  return problem('TSB_DOCKERFILE_NO_FROM', message, raw.places.keyword(), 'begin with `FROM image` or `FROM scratch`')
}
