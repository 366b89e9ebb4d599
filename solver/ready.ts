import type { Vertex, VertexId } from '../core/graph.ts'
import type { OpKind } from '../core/op.ts'

/** Vertices that could execute at once, and which of them should go first. */
export class ReadyVertices {
  readonly #waiting = new Set<Vertex>()
  readonly #prioritise: () => Priorities
  #priorities: Priorities | undefined

  /** `prioritise` is asked when vertices have to wait for the first time: most builds never need to know. */
  constructor(prioritise: () => Priorities) {
    this.#prioritise = prioritise
  }

  get size(): number {
    return this.#waiting.size
  }

  add(vertex: Vertex): void {
    this.#waiting.add(vertex)
  }

  /** It is not to execute any more. */
  remove(vertex: Vertex): void {
    this.#waiting.delete(vertex)
  }

  /** Takes the most urgent vertex out of those that `hasRoom` lets pass; of equal ones the first in the file. */
  take(hasRoom: (kind: OpKind) => boolean): Vertex | undefined {
    const candidates = [...this.#waiting].filter(({ op }) => hasRoom(op.kind))
    const chosen = candidates.length < 2 ? candidates[0] : this.#mostUrgent(candidates)
    if (chosen !== undefined) this.#waiting.delete(chosen)
    return chosen
  }

  #mostUrgent(candidates: readonly Vertex[]): Vertex | undefined {
    this.#priorities ??= this.#prioritise()
    const priorities = this.#priorities
    const rank = ({ id }: Vertex): number => priorities.get(id) ?? 0
    return candidates.reduce((best, each) => {
      const difference = rank(each) - rank(best)
      return difference > 0 || (difference === 0 && each.id < best.id) ? each : best
    })
  }
}

/** Milliseconds from a vertex's start to the end of the build, if nothing behind it has to wait. */
export type Priorities = ReadonlyMap<VertexId, number>

/**
 * The longest chain of durations that begins with each vertex: whoever is at its head decides when the build ends.
 * @param vertices inputs before their users
 * @param duration milliseconds that a vertex is expected to take
 */
export function longestChains(vertices: readonly Vertex[], duration: (vertex: Vertex) => number): Priorities {
  const behind = new Map<VertexId, number>()
  const chains = new Map<VertexId, number>()
  // Inputs stand before their users, so what stands behind a vertex is known when it is its turn.
  for (const vertex of [...vertices].reverse()) {
    const chain = duration(vertex) + (behind.get(vertex.id) ?? 0)
    chains.set(vertex.id, chain)
    for (const input of vertex.inputs) behind.set(input, Math.max(behind.get(input) ?? 0, chain))
  }
  return chains
}

/** What a step takes that nobody has timed: files are copied in no time, programs and networks are slow. */
export const EXPECTED_MS: { readonly [K in OpKind]: number } = {
  scratch: 0,
  image: 2000,
  local: 20,
  http: 500,
  git: 1000,
  run: 1000,
  file: 1,
  merge: 1,
}
