import type { BuildEvent } from '../../core/event.ts'
import type { Graph, VertexId } from '../../core/graph.ts'
import type { StepCounts } from './types.ts'

/** Counts what became of the steps, and the bytes they told of. */
export class Counter {
  readonly #outcomes = { cached: 0, done: 0, unchanged: 0, failed: 0, canceled: 0 }
  readonly #items = new Map<string, number>()

  /** Contexts are looked at in every build, which is no execution. */
  readonly #contexts = new Set<VertexId>()

  #total = 0

  plan({ vertices }: Graph): void {
    for (const { id, op } of vertices) if (op.kind === 'local') this.#contexts.add(id)
  }

  count(event: BuildEvent): void {
    if (event.kind === 'graph') this.#total = event.steps.filter(({ step }) => !this.#contexts.has(step)).length
    if ('step' in event && this.#contexts.has(event.step)) return
    if (event.kind === 'step-done') this.#outcomes[event.outcome.kind] += 1
    // What has a total is bytes; the others are counts of things.
    else if (event.kind === 'step-progress' && event.total !== undefined) this.#items.set(`${event.step} ${event.item}`, event.current)
  }

  counts(): StepCounts {
    const { cached, done, unchanged, failed } = this.#outcomes
    return { total: this.#total, cached, executed: done + unchanged, unchanged, failed }
  }

  get bytes(): number {
    return [...this.#items.values()].reduce((sum, bytes) => sum + bytes, 0)
  }
}
