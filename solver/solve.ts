import { setMaxListeners } from 'node:events'
import type { Digest } from '../core/digest.ts'
import type { Effects } from '../core/effects.ts'
import type { OnEvent, StepOutcome } from '../core/event.ts'
import type { Graph, Vertex, VertexId } from '../core/graph.ts'
import type { Drivers } from './driver.ts'
import type { Key } from './key.ts'
import type { Ledger } from './ledger.ts'
import { createLimits, type Limits } from './limits.ts'
import { solveVertex } from './vertex.ts'

export interface SolveRequest<R> {
  readonly graph: Graph
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
  readonly signal: AbortSignal
}

/** A recorded step that executes, and what it found instead of an earlier result. */
export interface Miss<R> {
  readonly vertex: Vertex
  readonly key: Key
  readonly inputs: readonly R[]
  /** `lost`: a record whose result has gone. `ignored`: nobody looked (`Vertex.ignoreCache`). */
  readonly reason: 'unknown' | 'lost' | 'ignored'
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

/** What the steps of one solve share. */
export interface Solving<R> extends SolveRequest<R> {
  readonly limits: Limits
}

/**
 * Finds or makes the result of the graph's output, and of whatever that needs, in parallel.
 * The first failure cancels what still runs and is thrown once everything has stopped.
 * @returns results by vertex
 */
export async function solve<R>(request: SolveRequest<R>): Promise<ReadonlyMap<VertexId, R>> {
  const failure = new AbortController()
  const signal = AbortSignal.any([request.signal, failure.signal])
  // Every step and every layer in flight listens, which is no leak however many they are.
  setMaxListeners(0, signal, request.signal)
  const solving: Solving<R> = { ...request, limits: createLimits(), signal }
  const results = new Map<VertexId, R>()
  const promises = new Map<VertexId, Promise<R>>()
  let first: { readonly error: unknown } | undefined
  for (const vertex of request.graph.vertices) {
    const inputs = vertex.inputs.map((id) => known(promises, id))
    const promise = solveVertex(solving, vertex, inputs).then((result) => {
      results.set(vertex.id, result)
      request.onResult?.(vertex, result)
      return result
    })
    promises.set(vertex.id, promise)
    promise.catch((error: unknown) => {
      first ??= { error }
      failure.abort(error)
    })
  }
  await Promise.allSettled(promises.values())
  if (first !== undefined) throw first.error
  return results
}

/** Vertices stand in topological order, so an input is always there. */
function known<R>(promises: ReadonlyMap<VertexId, Promise<R>>, id: VertexId): Promise<R> {
  const promise = promises.get(id)
  if (promise === undefined) throw new Error(`vertex ${id} stands after one that needs it`)
  return promise
}
