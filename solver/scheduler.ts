import pLimit, { type LimitFunction } from 'p-limit'
import type { Digest } from '../core/digest.ts'
import { interrupted, toTsbError, withSpan } from '../core/error.ts'
import type { StepOutcome } from '../core/event.ts'
import type { Vertex, VertexId } from '../core/graph.ts'
import type { OpKind } from '../core/op.ts'
import { type Claimed, type EdgeEvent, isFinal, openEdge, stepEdge, type Wish } from './edge.ts'
import type { Limits } from './limits.ts'
import { EXPECTED_MS, longestChains, ReadyVertices } from './ready.ts'
import type { SolveRequest } from './solve.ts'
import { KeyWaits } from './waits.ts'
import { computeKey, driverOf, execute, kinOf, lookUp, publish, type Step } from './work.ts'

/**
 * Carries out what the edges of one build wish. All decisions about a single vertex are the edge's (`edge.ts`); what concerns several
 * of them is here: who has a key, who executes next, what a failure ends.
 */
export class Scheduler<R> {
  readonly #request: SolveRequest<R>
  readonly #limits: Limits
  readonly #stop: AbortController
  readonly #steps = new Map<VertexId, Step<R>>()
  readonly #users = new Map<VertexId, Step<R>[]>()
  readonly #ready: ReadyVertices
  readonly #room: LimitFunction
  readonly #executing = new Map<OpKind, number>()
  /** Keys that this build has claimed, and those that it has results of. */
  readonly #owned = new Set<Digest>()
  readonly #made = new Set<Digest>()
  readonly #waits: KeyWaits<Step<R>>
  #open: number
  #first: { readonly error: unknown } | undefined
  #finish: () => void = () => undefined

  /**
   * @param request its signal ends with `stop` too
   * @param vertices all that is needed, inputs before their users
   */
  constructor(request: SolveRequest<R>, vertices: readonly Vertex[], limits: Limits, stop: AbortController) {
    this.#request = request
    this.#limits = limits
    this.#stop = stop
    this.#open = vertices.length
    this.#room = pLimit(limits.total)
    this.#waits = new KeyWaits(
      (key) => request.ledger.isClaimed(key),
      (step) => this.#dispatch(step, { kind: 'woken', shared: false }),
    )
    this.#ready = new ReadyVertices(() => longestChains(vertices, (vertex) => this.#expected(vertex)))
    for (const vertex of vertices) this.#add(vertex)
  }

  /** Solves everything. @throws the first failure, once all has ended; TsbError `TSB_INTERRUPTED` */
  async run(): Promise<ReadonlyMap<VertexId, R>> {
    const { signal } = this.#request
    const ended = new Promise<void>((resolve) => {
      this.#finish = resolve
    })
    const cancel = (): void => this.#cancelAll()
    signal.addEventListener('abort', cancel, { once: true })
    this.#begin()
    if (this.#open > 0) await ended
    signal.removeEventListener('abort', cancel)
    if (this.#first !== undefined) throw this.#first.error
    const results = new Map<VertexId, R>()
    for (const [id, { edge, result }] of this.#steps) {
      if (edge.kind !== 'done') throw interrupted()
      results.set(id, result as R)
    }
    return results
  }

  #add(vertex: Vertex): void {
    const driver = driverOf(this.#request.drivers, vertex.op)
    const traits = { recorded: driver.recorded, ignoreCache: vertex.ignoreCache }
    // Those without inputs begin in `run`, when somebody can hear of their end.
    const { edge } = openEdge(traits, Math.max(1, vertex.inputs.length))
    const step: Step<R> = { vertex, driver, edge, inputs: [] }
    this.#steps.set(vertex.id, step)
    for (const input of vertex.inputs) {
      if (!this.#steps.has(input)) throw new Error(`vertex ${input} stands after one that needs it`)
      const users = this.#users.get(input)
      if (users === undefined) this.#users.set(input, [step])
      else users.push(step)
    }
  }

  #begin(): void {
    for (const step of this.#steps.values()) if (step.vertex.inputs.length === 0) this.#dispatch(step, { kind: 'input-done' })
  }

  #dispatch(step: Step<R>, event: EdgeEvent): void {
    const { edge, wishes } = stepEdge(step.edge, event)
    step.edge = edge
    for (const wish of wishes) {
      try {
        this.#carryOut(step, wish)
      } catch (error) {
        if (isFinal(step.edge)) this.#end({ error })
        else this.#dispatch(step, failure(error))
      }
    }
  }

  #carryOut(step: Step<R>, wish: Wish): void {
    switch (wish.kind) {
      case 'compute-key':
        step.inputs = this.#inputsOf(step)
        void this.#attempt(step, async () => {
          const { digest } = await computeKey(this.#request, step)
          return { kind: 'keyed', key: digest, shared: this.#made.has(digest) }
        })
        break
      case 'look-up':
        void this.#attempt(step, () => lookUp(this.#request, step, wish.key))
        break
      case 'claim':
        this.#dispatch(step, this.#claim(wish.key) ? { kind: 'claimed', shared: this.#made.has(wish.key) } : { kind: 'refused' })
        break
      case 'wait':
        this.#waits.add(wish.key, step, this.#owned.has(wish.key))
        break
      case 'queue':
        // An op without a key has not asked for its inputs before.
        step.inputs = this.#inputsOf(step)
        this.#ready.add(step.vertex)
        this.#offerRoom()
        break
      case 'execute':
        this.#execute(step, wish.claim)
        break
      case 'publish':
        publish(this.#request, step, wish.claim.key)
        this.#made.add(wish.claim.key)
        this.#freed(wish.claim.key, true)
        this.#dispatch(step, { kind: 'published' })
        break
      case 'release':
        this.#request.ledger.release(wish.key)
        this.#freed(wish.key, false)
        break
      case 'withdraw':
        this.#ready.remove(step.vertex)
        this.#waits.remove(step)
        break
      case 'stop':
        this.#stop.abort()
        break
      case 'settle':
        this.#settle(step)
    }
  }

  #inputsOf({ vertex }: Step<R>): readonly R[] {
    return vertex.inputs.map((id) => this.#steps.get(id)?.result as R)
  }

  /** Begins work that ends in an event, whatever becomes of it. */
  async #attempt(step: Step<R>, work: () => Promise<EdgeEvent>): Promise<void> {
    let event: EdgeEvent
    try {
      event = await work()
    } catch (error) {
      event = failure(error)
    }
    this.#dispatch(step, event)
  }

  #claim(key: Digest): boolean {
    if (this.#owned.has(key) || !this.#request.ledger.claim(key)) return false
    this.#owned.add(key)
    return true
  }

  #freed(key: Digest, shared: boolean): void {
    this.#owned.delete(key)
    for (const waiter of this.#waits.free(key)) this.#dispatch(waiter, { kind: 'woken', shared })
  }

  #execute(step: Step<R>, claim: Claimed | undefined): void {
    const { vertex, key, inputs } = step
    if (claim !== undefined && key !== undefined) this.#request.onMiss?.({ vertex, key, inputs, reason: claim.reason })
    step.execution = this.#attempt(step, () => execute(this.#request, step))
  }

  /** Room that comes free goes to the most urgent vertex of that moment, not to the one that asked first. */
  #offerRoom(): void {
    void this.#room(async () => {
      const vertex = this.#ready.take((kind) => this.#count(kind) < this.#limits.kinds[kind])
      const step = vertex === undefined ? undefined : this.#steps.get(vertex.id)
      if (step === undefined) return
      const { kind } = step.vertex.op
      this.#executing.set(kind, this.#count(kind) + 1)
      this.#dispatch(step, { kind: 'admitted' })
      await step.execution
      this.#executing.set(kind, this.#count(kind) - 1)
      // Whoever found no room for its kind has nobody else to call it.
      if (this.#ready.size > 0) this.#offerRoom()
    })
  }

  #count(kind: OpKind): number {
    return this.#executing.get(kind) ?? 0
  }

  #settle(step: Step<R>): void {
    const { edge, vertex } = step
    this.#open -= 1
    try {
      if (edge.kind === 'done') this.#succeed(step)
      else if (edge.kind === 'failed') this.#fail(step, edge.error)
      else {
        // What has not begun has no end to tell of.
        if (step.execution !== undefined) this.#tell(vertex, { kind: 'canceled' })
        this.#end(undefined)
      }
    } finally {
      if (this.#open === 0) this.#finish()
    }
  }

  #succeed(step: Step<R>): void {
    const { vertex, key, duration, executed } = step
    const { onResult, onSolved } = this.#request
    const outcome = outcomeOf(step)
    this.#tell(vertex, outcome)
    onSolved?.({
      vertex,
      outcome,
      ...(key === undefined ? {} : { key: key.digest }),
      ...(executed === undefined || key === undefined || duration === undefined ? {} : { duration }),
    })
    onResult?.(vertex, step.result as R)
    for (const user of this.#users.get(vertex.id) ?? []) this.#dispatch(user, { kind: 'input-done' })
  }

  #fail(step: Step<R>, cause: unknown): void {
    const error = withSpan(toTsbError(cause), step.vertex.span)
    const others = [...this.#steps.values()].filter(({ edge }) => edge.kind === 'executing').map(({ vertex }) => vertex.id)
    this.#tell(step.vertex, { kind: 'failed', message: error.message, ...(others.length === 0 ? {} : { alsoRunning: others }) })
    this.#end({ error })
  }

  /** Ends everything: a build with a hole in it has no result that anybody waits for. */
  #end(failed: { readonly error: unknown } | undefined): void {
    this.#first ??= failed
    if (this.#stop.signal.aborted) return
    this.#stop.abort()
    this.#cancelAll()
  }

  #cancelAll(): void {
    for (const step of this.#steps.values()) if (!isFinal(step.edge)) this.#dispatch(step, { kind: 'cancel' })
  }

  #tell(vertex: Vertex, outcome: StepOutcome): void {
    const { onEvent, effects } = this.#request
    onEvent({ kind: 'step-done', time: effects.now(), step: vertex.id, outcome })
  }

  /** Milliseconds that a vertex is expected to take from now on. */
  #expected(vertex: Vertex): number {
    const step = this.#steps.get(vertex.id)
    if (step === undefined || isFinal(step.edge)) return 0
    const known = step.driver.recorded ? this.#request.ledger.lastDuration(kinOf(step)) : undefined
    return known ?? EXPECTED_MS[vertex.op.kind]
  }
}

function outcomeOf<R>({ edge, executed }: Step<R>): StepOutcome {
  if (edge.kind !== 'done') throw new Error('it has not ended well')
  const except = executed?.unchanged?.except ?? []
  if (edge.outcome !== 'unchanged' || except.length === 0) return { kind: edge.outcome }
  return { kind: 'unchanged', except }
}

function failure(error: unknown): EdgeEvent {
  const problem = toTsbError(error)
  return problem.fault === 'interrupted' ? { kind: 'interrupted' } : { kind: 'failed', error: problem }
}
