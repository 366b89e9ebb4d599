import { isTsbError, TsbError } from '../../core/error.ts'
import type { ResolvedImage } from '../../core/image-plan.ts'
import type { Platform } from '../../core/platform.ts'
import type { Span } from '../../core/span.ts'
import type { SourceRef } from '../instructions/common.ts'
import type { StageInstruction } from '../instructions/index.ts'
import type { Problems } from '../problems.ts'
import type { Program, Stage } from '../program.ts'
import { didYouMean } from '../suggest.ts'
import type { CompileRequest, ResolveImage } from '../types.ts'
import { readTriggers } from './triggers.ts'
import type { Later, Names, Wanted, WantedBase } from './wanted.ts'

/** What a stage stands on. */
export type Base =
  | { readonly kind: 'scratch'; readonly platform: Platform }
  | { readonly kind: 'stage'; readonly index: number }
  /** `name` is what FROM calls it, variables expanded. */
  | { readonly kind: 'image'; readonly name: string; readonly image: ResolvedImage; readonly platform: Platform }
  /** A tree of the user's: the named context `name`. */
  | { readonly kind: 'files'; readonly name: string; readonly platform: Platform }

/** What `--from`, or a mount's `from`, takes files from. */
export type Source =
  | { readonly kind: 'scratch' }
  | { readonly kind: 'stage'; readonly index: number }
  | { readonly kind: 'image'; readonly image: ResolvedImage; readonly platform: Platform }
  | { readonly kind: 'files'; readonly name: string }

/** A stage with everything outside of it that it needs. */
export interface ResolvedStage {
  readonly stage: Stage
  readonly base: Base
  /** The base's ONBUILD triggers and then its own; none where a named context stands for the stage. */
  readonly instructions: readonly StageInstruction[]
  readonly sources: ReadonlyMap<SourceRef, Source>
}

/** The stage to build. @throws TsbError `TSB_DOCKERFILE_STAGE_UNKNOWN` */
export function findTarget(program: Program, target: string | undefined): Stage {
  const last = program.stages.at(-1) as Stage
  if (target === undefined || target === '') return last
  const byName = program.stages.findLast((stage) => stage.from.name === target.toLowerCase())
  const found = byName ?? (/^\d+$/.test(target) ? program.stages[Number(target)] : undefined)
  if (found !== undefined) return found
  const names = program.stages.map((stage) => stage.from.name).filter((name) => name !== '')
  const known = names.length === 0 ? 'name a stage with `FROM image AS name`' : `stages are ${names.join(', ')}`
  throw new TsbError('TSB_DOCKERFILE_STAGE_UNKNOWN', `there is no stage \`${target}\` to build`, {
    hint: didYouMean(target, names, known),
    fault: 'input',
  })
}

/** What every stage stands on and takes files from, by name. */
export interface Survey {
  readonly names: Names
  readonly bases: ReadonlyMap<number, WantedBase>
  readonly sources: ReadonlyMap<SourceRef, Wanted | Later>
}

/**
 * Finds what the names of all stages mean, also of those that are not built: what is wrong with one of those is a problem of the
 * file all the same. Problems go to `problems`; what has one stands on nothing.
 */
export function surveyStages(program: Program, names: Names, request: CompileRequest, problems: Problems): Survey {
  const nothing: WantedBase = { name: '', base: { kind: 'scratch' }, platform: request.platform, overridden: false }
  const bases = new Map<number, WantedBase>()
  const sources = new Map<SourceRef, Wanted | Later>()
  for (const stage of program.stages) {
    const base = problems.attempt(stage.from.raw.span, () => names.base(stage)) ?? nothing
    bases.set(stage.index, base)
    for (const instruction of base.overridden ? [] : stage.instructions) {
      for (const ref of sourceRefs(instruction)) {
        sources.set(ref, problems.attempt(instruction.raw.span, () => names.source(stage, ref)) ?? { kind: 'scratch' })
      }
    }
  }
  return { names, bases, sources }
}

/**
 * Resolves the images of `targets` and of the stages that they need, in parallel. Problems of the file go to `problems`.
 * @throws TsbError what `resolveImage` throws, placed at the line that names the image
 */
export async function resolveStages(
  survey: Survey,
  targets: readonly Stage[],
  request: CompileRequest,
  resolveImage: ResolveImage,
  problems: Problems,
): Promise<ReadonlyMap<number, ResolvedStage>> {
  const resolver = new Resolver(survey, request, resolveImage, problems)
  await Promise.all(targets.map((stage) => resolver.visit(stage)))
  return resolver.resolved
}

class Resolver {
  readonly resolved: Map<number, ResolvedStage> = new Map()
  readonly #visits = new Map<number, Promise<void>>()
  readonly #images = new Map<string, Promise<ResolvedImage>>()
  readonly #survey: Survey
  readonly #request: CompileRequest
  readonly #resolveImage: ResolveImage
  readonly #problems: Problems

  constructor(survey: Survey, request: CompileRequest, resolveImage: ResolveImage, problems: Problems) {
    this.#survey = survey
    this.#request = request
    this.#resolveImage = resolveImage
    this.#problems = problems
  }

  visit(stage: Stage): Promise<void> {
    const known = this.#visits.get(stage.index)
    if (known !== undefined) return known
    // Not at once: a long chain of stages is not to become a deep stack.
    const visit = Promise.resolve().then(() => this.#resolve(stage))
    this.#visits.set(stage.index, visit)
    return visit
  }

  async #resolve(stage: Stage): Promise<void> {
    const wanted = this.#survey.bases.get(stage.index) as WantedBase
    const written = wanted.overridden ? [] : stage.instructions
    const [base, own] = await Promise.all([this.#resolveBase(stage, wanted), this.#resolveSources(stage, written)])
    const texts = wanted.overridden ? [] : triggerTexts(base, wanted)
    const triggers = this.#problems.attempt(stage.from.raw.span, () => readTriggers(stage, texts)) ?? []
    const inherited = await this.#resolveSources(stage, triggers)
    const instructions = [...triggers, ...written]
    this.resolved.set(stage.index, { stage, base, instructions, sources: new Map([...inherited, ...own]) })
  }

  async #resolveBase(stage: Stage, { base: wanted, name, platform }: WantedBase): Promise<Base> {
    if (wanted.kind === 'scratch' || wanted.kind === 'files') return { ...wanted, platform }
    if (wanted.kind === 'stage') {
      await this.visit(wanted.stage)
      return { kind: 'stage', index: wanted.stage.index }
    }
    const { raw, base: written } = stage.from
    return { kind: 'image', name, image: await this.#image(wanted.reference, platform, written, () => raw.places.word(written)), platform }
  }

  async #resolveSources(stage: Stage, instructions: readonly StageInstruction[]): Promise<ReadonlyMap<SourceRef, Source>> {
    const refs = instructions.flatMap((instruction) => sourceRefs(instruction).map((ref) => ({ ref, instruction })))
    const pairs = await Promise.all(
      refs.map(async ({ ref, instruction }) => [ref, await this.#resolveSource(stage, ref, instruction.raw.span)] as const),
    )
    return new Map(pairs)
  }

  async #resolveSource(stage: Stage, ref: SourceRef, instruction: Span): Promise<Source> {
    const { platform } = this.#request
    // Those of a base's triggers come to light only now.
    const known = this.#survey.sources.get(ref)
    const wanted = known ?? this.#problems.attempt(instruction, () => this.#survey.names.source(stage, ref))
    if (wanted === undefined) return { kind: 'scratch' }
    if (wanted.kind === 'scratch' || wanted.kind === 'files') return wanted
    if (wanted.kind === 'later') {
      this.#problems.add(wanted.problem, instruction)
      return { kind: 'scratch' }
    }
    if (wanted.kind === 'stage') {
      await this.visit(wanted.stage)
      return { kind: 'stage', index: wanted.stage.index }
    }
    return { kind: 'image', image: await this.#image(wanted.reference, platform, ref.name, ref.span), platform }
  }

  async #image(reference: string, platform: Platform, written: string, span: () => Span): Promise<ResolvedImage> {
    const key = `${reference} ${JSON.stringify(platform)}`
    const pending = this.#images.get(key) ?? this.#resolveImage(reference, platform)
    this.#images.set(key, pending)
    try {
      return await pending
    } catch (error) {
      if (!isTsbError(error)) throw error
      const hint = this.#survey.names.stageHint(undefined, written) ?? error.hint
      throw new TsbError(error.code, error.message, {
        fault: error.fault,
        spans: [span()],
        diagnostics: error.diagnostics,
        cause: error,
        ...(hint === undefined ? {} : { hint }),
      })
    }
  }
}

function triggerTexts(base: Base, { base: wanted }: WantedBase): readonly string[] {
  if (base.kind === 'image') return base.image.config.config?.OnBuild ?? []
  if (wanted.kind !== 'stage') return []
  return wanted.stage.instructions.flatMap((instruction) => (instruction.kind === 'onbuild' ? [instruction.trigger] : []))
}

/** Everything in an instruction that names a source. */
function sourceRefs(instruction: StageInstruction): readonly SourceRef[] {
  if (instruction.kind === 'run') return instruction.mounts.flatMap(({ from }) => from ?? [])
  return instruction.kind === 'copy' && instruction.from !== undefined ? [instruction.from] : []
}
