import type { ArgInstruction } from './instructions/arg.ts'
import type { FromInstruction } from './instructions/from.ts'
import { type Instruction, readInstruction, type StageInstruction } from './instructions/index.ts'
import type { Checks } from './lint/checks.ts'
import { checkInstructionCasing } from './lint/consistent-instruction-casing.ts'
import { checkDuplicateStageName } from './lint/duplicate-stage-name.ts'
import { checkFromAsCasing } from './lint/from-as-casing.ts'
import { checkDefinitionDescription } from './lint/invalid-definition-description.ts'
import { checkMaintainerDeprecated } from './lint/maintainer-deprecated.ts'
import { checkNoEmptyContinuation } from './lint/no-empty-continuation.ts'
import { checkReservedStageName } from './lint/reserved-stage-name.ts'
import { checkStageNameCasing } from './lint/stage-name-casing.ts'
import { type Problems, problem } from './problems.ts'
import type { RawInstruction } from './source.ts'
import { splitBlanks } from './split.ts'

/** A Dockerfile, each instruction understood by itself. */
export interface Program {
  /** ARG before the first FROM. */
  readonly globalArgs: readonly ArgInstruction[]
  readonly stages: readonly Stage[]
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
 * Reads instructions into stages. Problems of single ones go to `problems`, and what they leave is returned; a FROM that cannot be
 * read leaves a stage, so that what names it later is no problem of its own.
 */
export function readProgram(raws: readonly RawInstruction[], problems: Problems, checks: Checks): Program {
  for (const raw of raws) checkNoEmptyContinuation(raw, checks)
  const globalArgs: ArgInstruction[] = []
  const stages: { index: number; from: FromInstruction; instructions: StageInstruction[] }[] = []
  let complained = false
  for (const raw of raws) {
    checkUnread(raw, checks)
    const instruction = problems.attempt(raw.span, () => readInstruction(raw)) ?? unreadFrom(raw)
    if (instruction === undefined) continue
    checkRead(instruction, checks)
    if (instruction.kind === 'from') stages.push({ index: stages.length, from: instruction, instructions: [] })
    else if (stages.length > 0) stages.at(-1)?.instructions.push(instruction)
    else if (instruction.kind === 'arg') globalArgs.push(instruction)
    else if (!complained) {
      complained = true
      problems.add(noFrom(`\`${raw.name}\` stands before the first \`FROM\``, raw), raw.span)
    }
  }
  const last = raws.at(-1)
  if (stages.length === 0 && last !== undefined && !problems.any) problems.add(noFrom('there is no `FROM`', last), last.span)
  checkStages(stages, checks)
  return { globalArgs, stages }
}

/** Rules that look at an instruction before its arguments make sense. */
function checkUnread(raw: RawInstruction, checks: Checks): void {
  if (raw.name === 'MAINTAINER') checkMaintainerDeprecated(raw, checks)
  if (raw.name !== 'FROM') return
  checkStageNameCasing(raw, checks)
  checkFromAsCasing(raw, checks)
}

function checkRead(instruction: Instruction, checks: Checks): void {
  const { raw } = instruction
  if (instruction.kind === 'from' && instruction.name !== '') checkDefinitionDescription(raw, [instruction.name], checks)
  if (instruction.kind === 'arg') {
    const names = instruction.args.map(({ name }) => name)
    checkDefinitionDescription(raw, names, checks)
  }
}

function checkStages(stages: readonly Stage[], checks: Checks): void {
  const seen = new Set<string>()
  for (const { from } of stages) {
    checkReservedStageName(from, checks)
    checkDuplicateStageName(from, seen, checks)
    seen.add(from.name)
  }
  const raws = stages.flatMap(({ from, instructions }) => [from.raw, ...instructions.map(({ raw }) => raw)])
  checkInstructionCasing(raws, checks)
}

/** A stage on nothing, in place of one whose FROM cannot be read. */
function unreadFrom(raw: RawInstruction): FromInstruction | undefined {
  if (raw.name !== 'FROM') return undefined
  const [, , name = ''] = splitBlanks(raw.rest)
  return { kind: 'from', raw, base: 'scratch', name: name.toLowerCase(), platform: undefined }
}

function noFrom(message: string, raw: RawInstruction): ReturnType<typeof problem> {
  return problem('TSB_DOCKERFILE_NO_FROM', message, raw.places.keyword(), 'begin with `FROM image` or `FROM scratch`')
}
