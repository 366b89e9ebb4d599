import type { Graph, Vertex, VertexId } from '../../core/graph.ts'
import type { ResolvedImage } from '../../core/image-plan.ts'
import type { Op } from '../../core/op.ts'
import type { Platform } from '../../core/platform.ts'
import type { Span } from '../../core/span.ts'

export type NewVertex = Omit<Vertex, 'id' | 'span' | 'ignoreCache'> & { readonly span?: Span; readonly ignoreCache?: boolean }

/** Collects vertices, inputs before their users; images, the context and scratch once each. */
export class GraphBuilder {
  readonly #vertices: Vertex[] = []
  readonly #images = new Map<string, VertexId>()
  readonly #contextPaths = new Set<string>()
  #context: VertexId | undefined
  #scratch: VertexId | undefined

  add(vertex: NewVertex): VertexId {
    const id = this.#vertices.length
    this.#vertices.push({ ...vertex, id, ignoreCache: vertex.ignoreCache ?? false })
    return id
  }

  scratch(): VertexId {
    this.#scratch ??= this.add({ op: { kind: 'scratch' }, inputs: [], name: 'FROM scratch', stage: '' })
    return this.#scratch
  }

  /** The image's vertex; `describe` says what to call it, should it be new. */
  image(image: ResolvedImage, platform: Platform, describe: () => Pick<NewVertex, 'name' | 'stage' | 'span'>): VertexId {
    const key = `${image.image} ${JSON.stringify(platform)}`
    const known = this.#images.get(key)
    if (known !== undefined) return known
    const op: Op = { kind: 'image', reference: image.reference, image: image.image, platform }
    const id = this.add({ op, inputs: [], ...describe() })
    this.#images.set(key, id)
    return id
  }

  /** The context's vertex; it will read at least `paths`. */
  context(paths: readonly string[]): VertexId {
    for (const path of paths) this.#contextPaths.add(path)
    this.#context ??= this.add({
      op: { kind: 'local', name: 'context', paths: [] },
      inputs: [],
      name: '[internal] load build context',
      stage: '',
    })
    return this.#context
  }

  finish(output: VertexId): Graph {
    const all = this.#contextPaths.has('/')
    const paths = all ? [] : [...this.#contextPaths].sort()
    const vertices = this.#vertices.map(
      (vertex): Vertex => (vertex.id === this.#context ? { ...vertex, op: { kind: 'local', name: 'context', paths } } : vertex),
    )
    return { vertices, output }
  }
}
