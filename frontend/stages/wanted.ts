import { isTsbError, type TsbError } from '../../core/error.ts'
import type { Platform } from '../../core/platform.ts'
import { formatReference, parseReference } from '../../core/reference.ts'
import type { Span } from '../../core/span.ts'
import type { SourceRef } from '../instructions/common.ts'
import { problem } from '../problems.ts'
import { type Program, type Stage, stageId } from '../program.ts'
import { suggest } from '../suggest.ts'
import type { CompileRequest } from '../types.ts'
import type { ExpandedFrom } from './bases.ts'
import { contextLookup, type FindContext } from './contexts.ts'

/** What a name in the Dockerfile means, not yet looked up. */
export type Wanted =
  | { readonly kind: 'scratch' }
  | { readonly kind: 'stage'; readonly stage: Stage }
  | { readonly kind: 'image'; readonly reference: string }
  | { readonly kind: 'files'; readonly name: string }

/** A stage that stands behind its use: a problem wherever the use is built. */
export interface Later {
  readonly kind: 'later'
  readonly stage: Stage
  readonly problem: TsbError
}

/** What a stage begins with; `overridden` when a named context stands for the whole of it. */
export interface WantedBase {
  /** What FROM says, variables expanded. */
  readonly name: string
  readonly base: Wanted
  readonly platform: Platform
  readonly overridden: boolean
}

/** Finds what names mean: stages, named contexts, images. Asks nobody. */
export class Names {
  readonly #program: Program
  readonly #froms: ReadonlyMap<number, ExpandedFrom>
  readonly #request: CompileRequest
  readonly #findContext: FindContext

  constructor(program: Program, froms: ReadonlyMap<number, ExpandedFrom>, request: CompileRequest) {
    this.#program = program
    this.#froms = froms
    this.#request = request
    this.#findContext = contextLookup(request.contexts)
  }

  /** What `stage` begins with; nothing where its FROM could not be expanded. @throws TsbError `TSB_DOCKERFILE_STAGE_*`, `TSB_REFERENCE_INVALID` */
  base(stage: Stage): WantedBase {
    const { raw, base } = stage.from
    const from = this.#froms.get(stage.index)
    const name = from?.name ?? ''
    const platform = from?.platform ?? this.#request.platform
    const span = (): Span => raw.places.word(base)
    const override = stage.from.name === '' ? undefined : this.#named(stage, stage.from.name, platform, span)
    if (override !== undefined) return { name, base: override, platform, overridden: true }
    const wanted = (found: Wanted): WantedBase => ({ name, base: found, platform, overridden: false })
    if (from === undefined) return wanted({ kind: 'scratch' })
    const earlier = this.#program.stages.findLast((other) => other.index < stage.index && other.from.name === from.name)
    if (earlier !== undefined) return wanted({ kind: 'stage', stage: earlier })
    if (from.name === 'scratch') return wanted({ kind: 'scratch' })
    return wanted(this.#named(stage, from.name, platform, span) ?? { kind: 'image', reference: this.#reference(from.name, span) })
  }

  /** What `ref` in `stage` names. @throws TsbError `TSB_DOCKERFILE_STAGE_*` */
  source(stage: Stage, ref: SourceRef): Wanted | Later {
    const { stages } = this.#program
    const { name, span } = ref
    // Only COPY counts stages: a mount from `0` is from an image of that name.
    const isIndex = ref.use === 'copy' && /^[+-]?\d+$/.test(name)
    const same = (other: Stage): boolean => (isIndex ? other.index === Number(name) : other.from.name === name.toLowerCase())
    const found = stages.findLast((other) => other.index < stage.index && same(other)) ?? stages.find(same)
    if (found === undefined) {
      const named = this.#named(stage, name, this.#request.platform, span)
      if (named !== undefined) return named
      if (name === 'scratch') return { kind: 'scratch' }
      if (!isIndex) return { kind: 'image', reference: this.#sourceReference(stage, name, span) }
      throw problem('TSB_DOCKERFILE_STAGE_UNKNOWN', `there is no stage ${name}`, span(), 'count from 0, or name a stage')
    }
    if (found.index < stage.index) return { kind: 'stage', stage: found }
    const hint = `put the stage \`${stageId(found)}\` before this one`
    if (found === stage)
      throw problem('TSB_DOCKERFILE_STAGE_CYCLE', `cannot ${ref.use} from \`${name}\`: it is the stage it stands in`, span(), hint)
    const message = `cannot ${ref.use} from \`${name}\`: it is a later stage`
    return { kind: 'later', stage: found, problem: problem('TSB_DOCKERFILE_STAGE_ORDER', message, span(), hint) }
  }

  /** A bare word that is nearly a stage's name was probably meant as one. */
  stageHint(stage: Stage | undefined, name: string): string | undefined {
    const names = this.#program.stages.filter((other) => stage === undefined || other.index < stage.index).map((other) => other.from.name)
    const nearest = /[/:@]/.test(name)
      ? undefined
      : suggest(
          name,
          names.filter((other) => other !== ''),
        )
    return nearest === undefined ? undefined : `did you mean the stage \`${nearest}\`?`
  }

  /** The named context that stands for what is called `name` in `stage`. */
  #named(stage: Stage, name: string, platform: Platform, span: () => Span): Wanted | undefined {
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
        throw problem('TSB_DOCKERFILE_STAGE_ORDER', message, span(), `name a stage that stands before \`${stageId(stage)}\``)
      }
    }
  }

  #reference(name: string, span: () => Span): string {
    try {
      return formatReference(parseReference(name))
    } catch (error) {
      if (!isTsbError(error)) throw error
      // `FROM Build`: a stage is found by its lower-case name only, which docker's users run into.
      const stage = this.#program.stages.find((other) => other.from.name === name.toLowerCase())
      const hint = stage === undefined ? error.hint : `write the stage's name in lower case: \`${stage.from.name}\``
      throw problem(error.code, error.message, span(), hint)
    }
  }

  #sourceReference(stage: Stage, from: string, span: () => Span): string {
    try {
      return this.#reference(from, span)
    } catch (error) {
      if (!isTsbError(error)) throw error
      const hint = this.stageHint(stage, from) ?? error.hint
      throw problem('TSB_DOCKERFILE_STAGE_UNKNOWN', `\`${from}\` is neither a stage nor an image`, span(), hint)
    }
  }
}
