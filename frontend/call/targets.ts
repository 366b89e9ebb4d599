import type { SourceFile, Span } from '../../core/span.ts'
import { Checks } from '../lint/checks.ts'
import { NO_OPTIONS } from '../lint/options.ts'
import { parseFile } from '../parse.ts'
import { Problems } from '../problems.ts'
import { readProgram } from '../program.ts'
import { describe } from './describe.ts'

/** What `--call=targets` tells: the stages, in order. */
export interface TargetList {
  readonly file: SourceFile
  readonly targets: readonly Target[]
}

export interface Target {
  /** Empty when it has none. */
  readonly name: string
  /** From the comment above it that begins with its name. */
  readonly description: string
  /** What is built when nobody says what: the last one. */
  readonly isDefault: boolean
  /** As written, variables not expanded; so is `platform`. */
  readonly base: string
  readonly platform: string
  /** Its FROM. */
  readonly within: Span
}

/** The stages of a Dockerfile. @throws TsbError with all problems of single instructions, as for a build */
export function listTargets(file: SourceFile): TargetList {
  const problems = new Problems()
  const { stages } = readProgram(parseFile(file).instructions, problems, new Checks(problems, NO_OPTIONS))
  problems.throwIfAny()
  const targets = stages.map(({ index, from }): Target => {
    const { raw, name, base, platform = '' } = from
    const isDefault = index === stages.length - 1
    return { name, description: describe(raw, name), isDefault, base, platform, within: raw.span }
  })
  return { file, targets }
}
