import type { BuildPlan, ResolvedImage } from '../core/image-plan.ts'
import type { Platform } from '../core/platform.ts'
import { Checks } from './lint/checks.ts'
import { type CheckOptions, NO_OPTIONS, readCheckOptions } from './lint/options.ts'
import { withEpoch } from './lower/epoch.ts'
import { lowerStages } from './lower/index.ts'
import type { StageState } from './lower/state.ts'
import { type ParsedFile, parseFile } from './parse.ts'
import { Problems, problem } from './problems.ts'
import { type Program, readProgram, type Stage } from './program.ts'
import { globalScope } from './scope.ts'
import { checkDefaultBases, type ExpandedFrom, expandFroms } from './stages/bases.ts'
import { findTarget, type ResolvedStage, resolveStages, surveyStages } from './stages/resolve.ts'
import { Names } from './stages/wanted.ts'
import type { CompileRequest, ResolveImage } from './types.ts'

/** All that there is to know of a Dockerfile without building it. */
export interface Analysis {
  /** What is wrong with it. With errors there may be no more than this. */
  readonly problems: Problems
  readonly analysed?: Analysed
}

/** A file that could be read as a whole. */
export interface Analysed {
  readonly program: Program
  readonly target: Stage
  readonly globals: ReadonlyMap<string, string>
  /** FROM lines and stages, by index. */
  readonly froms: ReadonlyMap<number, ExpandedFrom>
  readonly resolved: ReadonlyMap<number, ResolvedStage>
  readonly states: ReadonlyMap<number, StageState>
  readonly plan: Omit<BuildPlan, 'diagnostics'>
}

/**
 * Looks through a Dockerfile from end to end, whatever is wrong on the way, in BuildKit's order: then the first error is the one
 * that BuildKit stops at, and the warnings are those that it has given by then. With `everything` all stages are looked through,
 * else those that the target needs. Images are not looked up for a file that is wrong already.
 * @throws TsbError what `resolveImage` throws
 */
export async function analyse(given: CompileRequest, resolveImage: ResolveImage, everything: boolean): Promise<Analysis> {
  const problems = new Problems()
  const parsed = problems.attempt(undefined, () => parseFile(given.dockerfile))
  if (parsed === undefined) return { problems }
  const checks = new Checks(problems, problems.attempt(undefined, () => checkOptions(parsed, given)) ?? NO_OPTIONS)
  const program = readProgram(parsed.instructions, problems, checks)
  if (program.stages.length === 0) return { problems }
  checkDefaultBases(program, given, checks)
  const scope = globalScope(program, given, given.buildArgs, problems)
  const { request, globals, epoch } = await withEpoch(program, given, scope, problems)
  const froms = expandFroms(program, globals, problems, checks)
  const target = problems.attempt(undefined, () => findTarget(program, request.target)) ?? (program.stages.at(-1) as Stage)
  const survey = surveyStages(program, new Names(program, froms, request), request, problems)
  const ask: ResolveImage = problems.any ? async (reference, platform) => emptyImage(reference, platform) : resolveImage
  const targets = everything ? program.stages : [target]
  const resolved = await resolveStages(survey, targets, request, ask, problems)
  const { plan, states } = lowerStages({ program, target, resolved, globals, request, epoch }, problems, checks)
  if (checks.failing && problems.warnings.length > 0 && !problems.any) problems.add(checkFailure(problems), undefined)
  return { problems, analysed: { program, target, globals, froms, resolved, states, plan } }
}

/** An image of which nothing is known. */
export function emptyImage(reference: string, platform: Platform): ResolvedImage {
  const digest = `sha256:${'0'.repeat(64)}` as const
  const { os, architecture, variant } = platform
  const config = {
    os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
    rootfs: { type: 'layers', diff_ids: [digest] },
  } as const
  return { reference, image: digest, config }
}

/** The build argument stands for the whole directive, which is not even read then. */
function checkOptions({ directives }: ParsedFile, request: CompileRequest): CheckOptions {
  const given = request.buildArgs.get('BUILDKIT_DOCKERFILE_CHECK')
  if (given !== undefined) return readCheckOptions(given, undefined)
  return directives.check === undefined ? NO_OPTIONS : readCheckOptions(directives.check.text, directives.check.span)
}

function checkFailure({ warnings }: Problems): ReturnType<typeof problem> {
  const rules = [...new Set(warnings.map((finding) => finding.code))].join(', ')
  const hint = 'mend them, or leave `error=true` out of the `check` directive'
  return problem('TSB_DOCKERFILE_CHECK', `checks failed: ${rules}`, undefined, hint)
}
