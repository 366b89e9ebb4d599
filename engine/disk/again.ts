import { type ErrorCode, isTsbError } from '../../core/error.ts'
import type { Graph, VertexId } from '../../core/graph.ts'

/** What a build meets when a garbage collection took something between its look-up and its use. */
const EVICTED: readonly ErrorCode[] = ['TSB_STORE_EVICTED', 'TSB_TREE_MISSING']

/** Each attempt pins what it uses, so that the next has less to lose. */
const ATTEMPTS = 10

/**
 * Does `work` again when something that it had found was evicted before it was used. What it has done is recorded by then, so only what
 * went is made again. @throws what `work` throws, in the end also `TSB_STORE_EVICTED`
 */
export async function unlessEvicted<T>(signal: AbortSignal, work: (isAgain: boolean) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt > 1)
    } catch (error) {
      const isEvicted = isTsbError(error) && EVICTED.includes(error.code)
      if (!isEvicted || attempt === ATTEMPTS || signal.aborted) throw error
    }
  }
}

/** The graph without the wish to ignore earlier results where this build has made one. */
export function withoutDone(graph: Graph, done: ReadonlySet<VertexId>): Graph {
  if (done.size === 0) return graph
  return { ...graph, vertices: graph.vertices.map((vertex) => (done.has(vertex.id) ? { ...vertex, ignoreCache: false } : vertex)) }
}
