import { availableParallelism } from 'node:os'
import type { OpKind } from '../core/op.ts'

/** How many steps may execute at once, and how many of each kind. */
export interface Limits {
  readonly total: number
  readonly kinds: { readonly [K in OpKind]: number }
}

/**
 * RUN steps mostly wait for a network or a single-threaded compiler, so they are not bound to the number of cores; copies and scans
 * use all cores themselves.
 * @param total `--max-parallel`; absent: as many as waiting costs little for
 */
export function limitsFor(total: number = Math.max(16, availableParallelism() * 4)): Limits {
  const cores = availableParallelism()
  return {
    total,
    kinds: { scratch: 1, image: 4, local: 2, http: 8, git: 4, run: total, file: Math.max(2, Math.ceil(cores / 2)), merge: cores },
  }
}
