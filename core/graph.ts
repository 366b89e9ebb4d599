import type { Op } from './op.ts'
import type { Span } from './span.ts'

/** A vertex's place in `Graph.vertices`. */
export type VertexId = number

/** One step: an op, and the vertices whose results it takes, in the order its op counts them. */
export interface Vertex {
  readonly id: VertexId
  readonly op: Op
  readonly inputs: readonly VertexId[]
  /** What people see: `[build 2/5] RUN make`. */
  readonly name: string
  /** The instruction as written, on one line; absent where none made it. Its name has variables expanded. */
  readonly text?: string
  /** Stage the step stands in, lower case; its index for an unnamed one; empty for what belongs to no stage. */
  readonly stage: string
  readonly span?: Span
  /** Do not look for an earlier result (`--no-cache`). */
  readonly ignoreCache: boolean
}

/** Vertices in topological order (inputs first) that some wanted output needs; nothing else is in it. */
export interface Graph {
  readonly vertices: readonly Vertex[]
  /** Whose result is the image's root. */
  readonly output: VertexId
}

/** The vertices that `wanted` and what they need consist of, in the graph's order. */
export function neededVertices({ vertices }: Graph, wanted: readonly VertexId[]): readonly Vertex[] {
  const needed = new Set(wanted)
  // Inputs stand before their users, so every user has been met when it is an input's turn.
  for (const vertex of [...vertices].reverse()) if (needed.has(vertex.id)) for (const input of vertex.inputs) needed.add(input)
  return needed.size === vertices.length ? vertices : vertices.filter(({ id }) => needed.has(id))
}
