import pLimit, { type LimitFunction } from 'p-limit'
import { interrupted } from '../core/error.ts'

/** Kinds of traffic. Each has its own places, so that a small request never waits for a large one. */
export type Lane = 'documents' | 'downloads' | 'uploads'

/**
 * Places for simultaneous requests to each registry. An upload may hold one while its source waits for a download;
 * never the other way round, so the lanes cannot block each other.
 */
export interface Lanes {
  /** Runs `task` when there is a place for it. */
  run<T>(host: string, lane: Lane, task: () => Promise<T>): Promise<T>
  /** Waits for a place; the caller gives it back. @throws TsbError `TSB_INTERRUPTED` */
  enter(host: string, lane: Lane, signal: AbortSignal): Promise<() => void>
}

/** `concurrency` places a registry and lane. */
export function createLanes(concurrency: number): Lanes {
  const limits = new Map<string, LimitFunction>()
  const limitOf = (host: string, lane: Lane): LimitFunction => {
    const key = `${lane} ${host}`
    const limit = limits.get(key) ?? pLimit(concurrency)
    limits.set(key, limit)
    return limit
  }
  return {
    run: (host, lane, task) => limitOf(host, lane)(task),
    enter: (host, lane, signal) => {
      const limit = limitOf(host, lane)
      return new Promise((resolve, reject) => {
        const onAbort = (): void => reject(interrupted())
        if (signal.aborted) return onAbort()
        signal.addEventListener('abort', onAbort, { once: true })
        const hold = (): Promise<void> => {
          signal.removeEventListener('abort', onAbort)
          // who gave up while waiting passes the place on
          return signal.aborted ? Promise.resolve() : new Promise<void>((release) => resolve(release))
        }
        limit(hold).catch(reject)
      })
    },
  }
}
