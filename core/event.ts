import type { Diagnostic } from './diagnostic.ts'
import type { Digest } from './digest.ts'
import type { VertexId } from './graph.ts'
import type { MissCause } from './miss.ts'

/**
 * Everything visible about a build, in order. Renderers are folds over it; keeping the list is recording the build.
 * Times are milliseconds since 1970.
 */
export type BuildEvent =
  | { readonly kind: 'build-started'; readonly time: number; readonly tags: readonly string[] }
  /** Work outside the graph (`load build definition from Dockerfile`, `exporting to image`); `id` is unique in the build. */
  | { readonly kind: 'task-started'; readonly time: number; readonly id: string; readonly name: string }
  | {
      readonly kind: 'task-progress'
      readonly time: number
      readonly id: string
      readonly item: string
      readonly current: number
      readonly total?: number
    }
  | { readonly kind: 'task-done'; readonly time: number; readonly id: string; readonly error?: string }
  /** The graph is known: all steps that this build may need. */
  | { readonly kind: 'graph'; readonly time: number; readonly steps: readonly StepDescription[] }
  | { readonly kind: 'step-started'; readonly time: number; readonly step: VertexId }
  /** Why a step that has started could use no earlier result. It may come any time before the step's end. */
  | { readonly kind: 'step-missed'; readonly time: number; readonly step: VertexId; readonly causes: readonly MissCause[] }
  | {
      readonly kind: 'step-log'
      readonly time: number
      readonly step: VertexId
      readonly stream: 'stdout' | 'stderr'
      readonly data: Uint8Array
    }
  | {
      readonly kind: 'step-progress'
      readonly time: number
      readonly step: VertexId
      readonly item: string
      readonly current: number
      readonly total?: number
    }
  | { readonly kind: 'step-done'; readonly time: number; readonly step: VertexId; readonly outcome: StepOutcome }
  | { readonly kind: 'diagnostic'; readonly time: number; readonly diagnostic: Diagnostic }
  | { readonly kind: 'build-done'; readonly time: number; readonly image?: Digest; readonly error?: string }

/**
 * How a step ended. `cached`: an earlier result was used, nothing ran. `unchanged`: it ran, and its output is what it was before, but for
 * volatile paths, which are as they were before. `failed`: with the steps that were executing at that moment.
 */
export type StepOutcome =
  | { readonly kind: 'cached' }
  | { readonly kind: 'done' }
  | { readonly kind: 'unchanged'; readonly except?: readonly string[] }
  | { readonly kind: 'failed'; readonly message: string; readonly alsoRunning?: readonly VertexId[] }
  | { readonly kind: 'canceled' }

export interface StepDescription {
  readonly step: VertexId
  readonly name: string
}

export type OnEvent = (event: BuildEvent) => void
