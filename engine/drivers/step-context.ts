import type { CopyFilter } from '../../native/types.ts'
import type { SnapshotterContext } from '../../snapshotter/snapshot.ts'
import { copyFilter } from '../../snapshotter/sources.ts'
import { type Present, presentBases } from '../bases/present.ts'
import type { Session } from '../session.ts'
import type { BuildOptions } from '../types.ts'

/** What the drivers of steps that make layers work with, in one build. */
export interface StepContext extends SnapshotterContext {
  readonly present: Present
  /** Patterns of paths that do not count when a step that ran again is compared with what it made before. */
  readonly volatile: readonly string[]
  /** What they leave of a root; absent without any. */
  readonly steady: CopyFilter | undefined
}

/** The context of one build's steps. @throws TsbError `TSB_PATTERN_INVALID` */
export function stepContext(session: Session, { volatile }: Pick<BuildOptions, 'volatile'>): StepContext {
  return { ...session.snapshotter, present: presentBases(session), volatile, steady: copyFilter(undefined, volatile) }
}
