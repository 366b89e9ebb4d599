import type { Digest } from '../../core/digest.ts'
import type { ErrorCode } from '../../core/error.ts'
import type { BuildEvent } from '../../core/event.ts'
import type { StepNote } from '../../solver/explain/step-note.ts'

/** What a build was and how it ended. Values of build arguments, credentials in URLs and secrets stand nowhere in it. */
export interface BuildSummary {
  readonly id: string
  /** Of the project: its directory or repository, the Dockerfile where it has another name, the target. */
  readonly name: string
  /** Milliseconds since 1970. */
  readonly started: number
  readonly ended: number
  readonly status: 'completed' | 'error' | 'canceled'
  readonly context: string
  readonly dockerfile: string
  readonly target?: string
  /** As asked for; absent is the machine's. */
  readonly platform?: string
  readonly noCache: boolean
  readonly tags: readonly string[]
  /** Names. */
  readonly buildArgs: readonly string[]
  readonly image?: Digest
  readonly error?: { readonly code: ErrorCode; readonly message: string }
  readonly steps: StepCounts
  /** Bytes that its steps fetched or copied, as far as they told. */
  readonly bytes: number
}

/** The part of it that the store keeps as text. */
export type StoredAbout = Omit<BuildSummary, 'id' | 'started' | 'ended' | 'status'>

/** Steps by how they ended. What no step of the target needed is not counted. */
export interface StepCounts {
  readonly total: number
  readonly cached: number
  readonly executed: number
  /** Of those: output as before. */
  readonly unchanged: number
  readonly failed: number
}

/** A build with all that was kept of it. */
export interface RecordedBuild extends BuildSummary {
  /** Empty where it did not come to a graph. */
  readonly notes: readonly StepNote[]
  /** What was told while it ran, read as it is asked for: logs may be long. */
  events(): AsyncIterable<BuildEvent>
}
