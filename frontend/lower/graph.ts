import type { Graph, Vertex, VertexId } from '../../core/graph.ts'
import type { ResolvedImage } from '../../core/image-plan.ts'
import type { GitOp, HttpOp, Op } from '../../core/op.ts'
import type { Platform } from '../../core/platform.ts'
import type { Span } from '../../core/span.ts'
import { problem } from '../problems.ts'

export type NewVertex = Omit<Vertex, 'id' | 'span' | 'ignoreCache'> & { readonly span?: Span; readonly ignoreCache?: boolean }

/** Collects vertices, inputs before their users; images, contexts, downloads and scratch once each. */
export class GraphBuilder {
  readonly #vertices: Vertex[] = []
  readonly #images = new Map<string, VertexId>()
  readonly #files = new Map<string, { readonly id: VertexId; readonly paths: Set<string> }>()
  readonly #remotes = new Map<string, VertexId>()
  #scratch: VertexId | undefined

  /** @throws TsbError `TSB_DOCKERFILE_ENCODING` */
  add(vertex: NewVertex): VertexId {
    if (vertex.span?.file.damaged === true && holdsDamage(vertex.op)) {
      const hint = 'save the file as UTF-8'
      throw problem('TSB_DOCKERFILE_ENCODING', `what a step does is not UTF-8 in \`${vertex.span.file.name}\``, vertex.span, hint)
    }
    const id = this.#vertices.length
    this.#vertices.push({ ...vertex, id, ignoreCache: vertex.ignoreCache ?? false })
    return id
  }

  scratch(): VertexId {
    this.#scratch ??= this.add({ op: { kind: 'scratch' }, inputs: [], name: 'FROM scratch', stage: '' })
    return this.#scratch
  }

  /** The image's vertex; `describe` says what to call it, should it be new. */
  image(image: ResolvedImage, platform: Platform, describe: () => Pick<NewVertex, 'name' | 'text' | 'stage' | 'span'>): VertexId {
    const key = `${image.image} ${JSON.stringify(platform)}`
    const known = this.#images.get(key)
    if (known !== undefined) return known
    const op: Op = { kind: 'image', reference: image.reference, image: image.image, platform }
    const id = this.add({ op, inputs: [], ...describe() })
    this.#images.set(key, id)
    return id
  }

  /** The vertex that fetches something; the same thing is fetched once. */
  remote(op: HttpOp | GitOp, described: Pick<NewVertex, 'name' | 'text' | 'stage' | 'span'>): VertexId {
    const key = JSON.stringify(op)
    const known = this.#remotes.get(key)
    if (known !== undefined) return known
    const id = this.add({ op, inputs: [], ...described })
    this.#remotes.set(key, id)
    return id
  }

  /** The vertex of a context by its name (`context` is the main one); it will read at least `paths`. */
  files(name: string, paths: readonly string[]): VertexId {
    let known = this.#files.get(name)
    if (known === undefined) {
      const called = name === 'context' ? '[internal] load build context' : `[context ${name}] load from client`
      known = { id: this.add({ op: { kind: 'local', name, paths: [] }, inputs: [], name: called, stage: '' }), paths: new Set() }
      this.#files.set(name, known)
    }
    for (const path of paths) known.paths.add(path)
    return known.id
  }

  finish(output: VertexId): Graph {
    const vertices = [...this.#vertices]
    for (const [name, { id, paths }] of this.#files) {
      const op: Op = { kind: 'local', name, paths: paths.has('/') ? [] : [...paths].sort() }
      vertices[id] = { ...(vertices[id] as Vertex), op }
    }
    return { vertices, output }
  }
}

/** A process must not get other bytes than those that are written. Docker lets everything else pass. */
function holdsDamage(op: Op): boolean {
  return op.kind === 'run' && JSON.stringify(op).includes('\uFFFD')
}
