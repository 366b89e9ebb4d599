import { availableParallelism } from 'node:os'
import pLimit, { type LimitFunction } from 'p-limit'
import type { OpKind } from '../core/op.ts'

/** How many steps of a kind may execute at once. Waiting for one class never blocks another. */
export type Limits = { readonly [K in OpKind]: LimitFunction }

/**
 * The concurrency classes. RUN steps mostly wait for a network or a single-threaded compiler, so they are not bound
 * to the number of cores; copies and scans use all cores themselves.
 */
export function createLimits(): Limits {
  const cores = availableParallelism()
  return {
    scratch: pLimit(1),
    image: pLimit(4),
    local: pLimit(2),
    http: pLimit(8),
    git: pLimit(4),
    run: pLimit(Math.max(16, cores * 4)),
    file: pLimit(Math.max(2, Math.ceil(cores / 2))),
    merge: pLimit(cores),
  }
}
