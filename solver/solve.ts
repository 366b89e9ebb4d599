import { setMaxListeners } from 'node:events'
import type { Effects } from '../core/effects.ts'
import type { OnEvent } from '../core/event.ts'
import type { Graph, Vertex, VertexId } from '../core/graph.ts'
import type { Drivers } from './driver.ts'
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
  readonly signal: AbortSignal
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
