import { isTsbError, TsbError } from '../core/error.ts'
import type { ResolvedImage } from '../core/image-plan.ts'
import { type Platform, parsePlatform } from '../core/platform.ts'
import { formatReference, parseReference } from '../core/reference.ts'
import type { Span } from '../core/span.ts'
import { contextLookup, type FindContext } from './contexts.ts'
import { expand } from './expand.ts'
import type { SourceRef } from './instructions/common.ts'
import type { StageInstruction } from './instructions/index.ts'
import { undefinedArgInFrom } from './lint/undefined-arg-in-from.ts'
import { type Problems, problem } from './problems.ts'
import type { RawInstruction } from './source.ts'
import { type Program, type Stage, stageId } from './stages.ts'
import { didYouMean, suggest } from './suggest.ts'
import { readTriggers } from './triggers.ts'
import type { CompileRequest, ResolveImage } from './types.ts'

/** What a stage stands on. */
export type Base =
  | { readonly kind: 'scratch'; readonly platform: Platform }
  | { readonly kind: 'stage'; readonly index: number }
  | { readonly kind: 'image'; readonly image: ResolvedImage; readonly platform: Platform }
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
    spans: [last.from.raw.span],
  })
}

/**
 * Finds the stages that `target` needs, and resolves their images in parallel. Problems of the file go to `problems`;
 * stages that have some may be missing from the result.
 * @throws TsbError what `resolveImage` throws, placed at the line that names the image
 */
export async function resolveStages(
  program: Program,
  target: Stage,
  globals: ReadonlyMap<string, string>,
  request: CompileRequest,
  resolveImage: ResolveImage,
  problems: Problems,
): Promise<ReadonlyMap<number, ResolvedStage>> {
  const resolver = new Resolver(program, globals, request, resolveImage, problems)
  await resolver.visit(target)
  return resolver.resolved
}

type Wanted =
  | { readonly kind: 'scratch' }
  | { readonly kind: 'stage'; readonly stage: Stage }
  | { readonly kind: 'image'; readonly reference: string }
  | { readonly kind: 'files'; readonly name: string }

/** What a stage begins with; `overridden` when a named context stands for the whole of it. */
interface WantedBase {
  readonly base: Wanted
  readonly platform: Platform
  readonly overridden: boolean
}

class Resolver {
  readonly resolved: Map<number, ResolvedStage> = new Map()
  readonly #visits = new Map<number, Promise<void>>()
  readonly #images = new Map<string, Promise<ResolvedImage>>()
  readonly #program: Program
  readonly #globals: ReadonlyMap<string, string>
  readonly #request: CompileRequest
  readonly #resolveImage: ResolveImage
  readonly #problems: Problems
  readonly #findContext: FindContext

  constructor(
    program: Program,
    globals: ReadonlyMap<string, string>,
    request: CompileRequest,
    resolveImage: ResolveImage,
    problems: Problems,
  ) {
    this.#program = program
    this.#globals = globals
    this.#request = request
    this.#resolveImage = resolveImage
    this.#problems = problems
    this.#findContext = contextLookup(request.contexts)
  }

  visit(stage: Stage): Promise<void> {
    const known = this.#visits.get(stage.index)
    if (known !== undefined) return known
    const visit = this.#resolve(stage)
    this.#visits.set(stage.index, visit)
    return visit
  }

  async #resolve(stage: Stage): Promise<void> {
    const wanted = this.#problems.attempt(stage.from.raw.span, () => this.#findBase(stage))
    const written = wanted?.overridden ? [] : stage.instructions
    const [base, own] = await Promise.all([
      wanted === undefined ? undefined : this.#resolveBase(stage, wanted.base, wanted.platform),
      this.#resolveSources(stage, written),
    ])
    if (base === undefined) return
    const texts = wanted?.overridden ? [] : this.#triggerTexts(base)
    const triggers = this.#problems.attempt(stage.from.raw.span, () => readTriggers(stage, texts)) ?? []
    const inherited = await this.#resolveSources(stage, triggers)
    const instructions = [...triggers, ...written]
    this.resolved.set(stage.index, { stage, base, instructions, sources: new Map([...inherited, ...own]) })
  }

  #findBase(stage: Stage): WantedBase {
    const { raw, base, platform } = stage.from
    const name = this.#expand(raw, base)
    const chosen = platform === undefined ? this.#request.platform : this.#platform(stage, platform, this.#expand(raw, platform))
    const span = raw.places.word(base)
    const override = stage.from.name === '' ? undefined : this.#named(stage, stage.from.name, chosen, span)
    if (override !== undefined) return { base: override, platform: chosen, overridden: true }
    if (name === '') {
      const hint = 'give the argument a default before the first `FROM`, or pass `--build-arg`'
      throw problem('TSB_DOCKERFILE_BASE_BLANK', `\`${base}\` is empty`, span, hint)
    }
    const wanted = (found: Wanted): WantedBase => ({ base: found, platform: chosen, overridden: false })
    if (name === 'scratch') return wanted({ kind: 'scratch' })
    const earlier = this.#program.stages.findLast((other) => other.index < stage.index && other.from.name === name)
    if (earlier !== undefined) return wanted({ kind: 'stage', stage: earlier })
    return wanted(this.#named(stage, name, chosen, span) ?? { kind: 'image', reference: this.#reference(name, span) })
  }

  /** The named context that stands for what is called `name` in `stage`. */
  #named(stage: Stage, name: string, platform: Platform, span: Span): Wanted | undefined {
    const found = this.#findContext(name, platform)
    if (found === undefined) return undefined
    const { context } = found
    switch (context.kind) {
      case 'files':
        return { kind: 'files', name: found.name }
      case 'image':
        return context.reference === 'scratch' ? { kind: 'scratch' } : { kind: 'image', reference: context.reference }
      case 'stage': {
        const wanted = context.stage.toLowerCase()
        const other = this.#program.stages.findLast(({ index, from }) => index < stage.index && from.name === wanted)
        if (other !== undefined) return { kind: 'stage', stage: other }
        const message = `context \`${found.name}\` is stage \`${context.stage}\`, which does not stand before its use`
        throw problem('TSB_DOCKERFILE_STAGE_ORDER', message, span, `name a stage that stands before \`${stageId(stage)}\``)
      }
    }
  }

  #expand(raw: RawInstruction, text: string): string {
    const expansion = expand(text, (name) => this.#globals.get(name), { escape: raw.escape })
    for (const name of expansion.unset) this.#problems.warn(undefinedArgInFrom(name, raw, this.#globals.keys()))
    return expansion.text
  }

  #platform(stage: Stage, written: string, text: string): Platform {
    const span = stage.from.raw.places.word('--platform')
    if (text === '') throw problem('TSB_PLATFORM_INVALID', `\`--platform=${written}\` is empty`, span, 'write it as `os/arch[/variant]`')
    try {
      return parsePlatform(text)
    } catch (error) {
      throw isTsbError(error) ? problem(error.code, error.message, span, error.hint) : error
    }
  }

  #reference(name: string, span: Span): string {
    try {
      return formatReference(parseReference(name))
    } catch (error) {
      if (!isTsbError(error)) throw error
      // `FROM Build`: a stage is found by its lower-case name only, which docker's users run into.
      const stage = this.#program.stages.find((other) => other.from.name === name.toLowerCase())
      throw problem(
        error.code,
        error.message,
        span,
        stage === undefined ? error.hint : `write the stage's name in lower case: \`${stage.from.name}\``,
      )
    }
  }

  async #resolveBase(stage: Stage, wanted: Wanted, platform: Platform): Promise<Base> {
    if (wanted.kind === 'scratch' || wanted.kind === 'files') return { ...wanted, platform }
    if (wanted.kind === 'stage') {
      await this.visit(wanted.stage)
      return { kind: 'stage', index: wanted.stage.index }
    }
    return {
      kind: 'image',
      image: await this.#image(wanted.reference, platform, stage.from.base, stage.from.raw.places.word(stage.from.base)),
      platform,
    }
  }

  async #resolveSources(stage: Stage, instructions: readonly StageInstruction[]): Promise<ReadonlyMap<SourceRef, Source>> {
    const refs = instructions.flatMap(sourceRefs)
    const pairs = await Promise.all(refs.map(async (ref) => [ref, await this.#resolveSource(stage, ref)] as const))
    return new Map(pairs)
  }

  async #resolveSource(stage: Stage, ref: SourceRef): Promise<Source> {
    const span = ref.span()
    const { platform } = this.#request
    const wanted = this.#problems.attempt(span, () => this.#findSource(stage, ref, platform, span))
    if (wanted === undefined) return { kind: 'scratch' }
    if (wanted.kind === 'scratch' || wanted.kind === 'files') return wanted
    if (wanted.kind === 'stage') {
      await this.visit(wanted.stage)
      return { kind: 'stage', index: wanted.stage.index }
    }
    return { kind: 'image', image: await this.#image(wanted.reference, platform, ref.name, span), platform }
  }

  #findSource(stage: Stage, ref: SourceRef, platform: Platform, span: Span): Wanted {
    const { stages } = this.#program
    const { name } = ref
    // Only COPY counts stages: a mount from `0` is from an image of that name.
    const isIndex = ref.use === 'copy' && /^[+-]?\d+$/.test(name)
    const same = (other: Stage): boolean => (isIndex ? other.index === Number(name) : other.from.name === name.toLowerCase())
    const found = stages.findLast((other) => other.index < stage.index && same(other)) ?? stages.find(same)
    if (found === undefined) {
      const named = this.#named(stage, name, platform, span)
      if (named !== undefined) return named
      if (name === 'scratch') return { kind: 'scratch' }
      if (!isIndex) return { kind: 'image', reference: this.#sourceReference(stage, name, span) }
      throw problem('TSB_DOCKERFILE_STAGE_UNKNOWN', `there is no stage ${name}`, span, 'count from 0, or name a stage')
    }
    if (found.index < stage.index) return { kind: 'stage', stage: found }
    const code = found === stage ? 'TSB_DOCKERFILE_STAGE_CYCLE' : 'TSB_DOCKERFILE_STAGE_ORDER'
    const what = found === stage ? 'the stage it stands in' : 'a later stage'
    throw problem(code, `cannot ${ref.use} from \`${name}\`: it is ${what}`, span, `put the stage \`${stageId(found)}\` before this one`)
  }

  #sourceReference(stage: Stage, from: string, span: Span): string {
    try {
      return this.#reference(from, span)
    } catch (error) {
      if (!isTsbError(error)) throw error
      throw problem(
        'TSB_DOCKERFILE_STAGE_UNKNOWN',
        `\`${from}\` is neither a stage nor an image`,
        span,
        this.#stageHint(stage, from) ?? error.hint,
      )
    }
  }

  async #image(reference: string, platform: Platform, written: string, span: Span): Promise<ResolvedImage> {
    const key = `${reference} ${JSON.stringify(platform)}`
    const pending = this.#images.get(key) ?? this.#resolveImage(reference, platform)
    this.#images.set(key, pending)
    try {
      return await pending
    } catch (error) {
      if (!isTsbError(error)) throw error
      const hint = this.#stageHint(undefined, written) ?? error.hint
      throw new TsbError(error.code, error.message, {
        fault: error.fault,
        spans: [span],
        diagnostics: error.diagnostics,
        cause: error,
        ...(hint === undefined ? {} : { hint }),
      })
    }
  }

  /** A bare word that is nearly a stage's name was probably meant as one. */
  #stageHint(stage: Stage | undefined, name: string): string | undefined {
    const names = this.#program.stages.filter((other) => stage === undefined || other.index < stage.index).map((other) => other.from.name)
    const nearest = /[/:@]/.test(name)
      ? undefined
      : suggest(
          name,
          names.filter((other) => other !== ''),
        )
    return nearest === undefined ? undefined : `did you mean the stage \`${nearest}\`?`
  }

  #triggerTexts(base: Base): readonly string[] {
    if (base.kind === 'image') return base.image.config.config?.OnBuild ?? []
    if (base.kind !== 'stage') return []
    const stage = this.#program.stages[base.index]
    return (stage?.instructions ?? []).flatMap((instruction) => (instruction.kind === 'onbuild' ? [instruction.trigger] : []))
  }
}

/** Everything in an instruction that names a source. */
function sourceRefs(instruction: StageInstruction): readonly SourceRef[] {
  if (instruction.kind === 'run') return instruction.mounts.flatMap(({ from }) => from ?? [])
  return instruction.kind === 'copy' && instruction.from !== undefined ? [instruction.from] : []
}
