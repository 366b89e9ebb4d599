import type { OnEvent } from '../core/event.ts'
import type { Session } from './session.ts'
import type { RunTask } from './tasks.ts'
import type { BuildOptions } from './types.ts'

/** What the stages of one build share. */
export interface Building {
  readonly session: Session
  readonly options: BuildOptions
  readonly onEvent: OnEvent
  /** Announces work outside the graph. */
  readonly runTask: RunTask
  readonly signal: AbortSignal
}
