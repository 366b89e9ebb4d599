import { setMaxListeners } from 'node:events'
import type { Digest } from '../core/digest.ts'
import type { Effects } from '../core/effects.ts'
import { interrupted } from '../core/error.ts'
import type { OnEvent, StepOutcome } from '../core/event.ts'
import { type Graph, neededVertices, type Vertex, type VertexId } from '../core/graph.ts'
import type { Drivers } from './driver.ts'
import type { MissReason } from './edge.ts'
import type { Key } from './key.ts'
import type { Ledger } from './ledger.ts'
import { limitsFor } from './limits.ts'
import { Scheduler } from './scheduler.ts'

export interface SolveRequest<R> {
  readonly graph: Graph
  /** Whose results are asked for; absent: the graph's output. Nothing is looked at that none of them needs. */
  readonly wanted?: readonly VertexId[]
  readonly drivers: Drivers<R>
  readonly ledger: Ledger
  readonly effects: Pick<Effects, 'now' | 'monotonic'>
  readonly onEvent: OnEvent
  /** A vertex has its result: what consumes results early (exporters) starts here. */
  readonly onResult?: (vertex: Vertex, result: R) => void
  /** A step is about to execute. */
  readonly onMiss?: (miss: Miss<R>) => void
  /** A step has ended well. */
  readonly onSolved?: (solved: Solved) => void
  /** Steps that may execute at once; absent: see `limitsFor`. */
  readonly maxParallel?: number
  readonly signal: AbortSignal
}

/** A recorded step that executes, and what it found instead of an earlier result. */
export interface Miss<R> {
  readonly vertex: Vertex
  readonly key: Key
  readonly inputs: readonly R[]
  /** `lost`: a record whose result has gone. `ignored`: nobody looked (`Vertex.ignoreCache`). */
  readonly reason: MissReason
}

/** How a step came to its result. */
export interface Solved {
  readonly vertex: Vertex
  /** Absent where the op keeps no record. */
  readonly key?: Digest
  readonly outcome: StepOutcome
  /** Milliseconds of the execution; of a cached step, none. */
  readonly duration?: number
}

/**
 * Finds or makes the wanted results, and whatever they need, in parallel.
 * The first failure cancels what still runs and is thrown once everything has stopped.
 * @returns results by vertex
 */
export async function solve<R>(request: SolveRequest<R>): Promise<ReadonlyMap<VertexId, R>> {
  if (request.signal.aborted) throw interrupted()
  const { graph, wanted = [graph.output], maxParallel } = request
  const stop = new AbortController()
  const signal = AbortSignal.any([request.signal, stop.signal])
  // Every step and every layer in flight listens, which is no leak however many they are.
  setMaxListeners(0, signal, request.signal)
  const scheduler = new Scheduler<R>({ ...request, signal }, neededVertices(graph, wanted), limitsFor(maxParallel), stop)
  return scheduler.run()
}
