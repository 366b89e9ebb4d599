import type { OnEvent } from '../core/event.ts'
import type { Ledger } from '../solver/ledger.ts'
import type { ContextHost } from './contexts/types.ts'
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
  /** What is known, and who is making what. */
  readonly ledger: Ledger
  readonly signal: AbortSignal
}

/** Contexts of a build are fetched into its store. */
export function contextHost({ session, options, ledger }: Building): ContextHost {
  const { env, snapshotter, effects } = session
  return { options, env, keep: async () => ({ snapshotter, ledger, effects }) }
}
