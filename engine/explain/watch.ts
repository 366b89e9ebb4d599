import type { BuildEvent, OnEvent } from '../../core/event.ts'
import type { Graph, VertexId } from '../../core/graph.ts'
import type { MissCause } from '../../core/miss.ts'
import type { Miss } from '../../solver/solve.ts'
import type { Building } from '../building.ts'
import type { StepResult } from '../drivers/result.ts'
import type { Project } from '../history/project.ts'
import type { Explainer } from './explainer.ts'

/** Explanations of misses on their way: found beside the execution of their steps, told before those end. */
export interface MissWatch {
  /** What the solver tells its events to. */
  readonly onEvent: OnEvent
  onMiss(miss: Miss<StepResult>): void
  /** Waits a moment for explanations that are still missing; what comes later is not told. */
  settle(): Promise<void>
}

/** The longest that a build waits for an explanation after its last step. */
const PATIENCE_MS = 500

/** Watches one solve. Costs nothing while everything is cached. */
export function watchMisses(building: Building, project: Project, graph: Graph): MissWatch {
  const { session, options, onEvent } = building
  const pending = new Map<VertexId, Promise<void>>()
  /** Ends of steps that wait for their explanation, so that nothing is told of a step that has ended. */
  const held = new Map<VertexId, BuildEvent>()
  let explainer: Promise<Explainer> | undefined
  const load = async (): Promise<Explainer> => {
    const { createExplainer } = await import('./explainer.ts')
    const flagOf = (): string => (options.noCache ? '--no-cache' : '--no-cache-filter')
    return createExplainer({ session, project, graph, flagOf })
  }
  const end = (step: VertexId): void => {
    pending.delete(step)
    const event = held.get(step)
    held.delete(step)
    if (event !== undefined) onEvent(event)
  }
  const explain = async (miss: Miss<StepResult>): Promise<void> => {
    const step = miss.vertex.id
    explainer ??= load()
    // A build is not worse for an explanation that nobody has.
    const causes = await explainer.then((loaded) => loaded.causes(miss)).catch((): readonly MissCause[] => [])
    if (!pending.has(step)) return
    if (causes.length > 0) onEvent({ kind: 'step-missed', time: session.effects.now(), step, causes })
    end(step)
  }
  return {
    onEvent: (event) => {
      if (event.kind === 'step-done' && pending.has(event.step)) held.set(event.step, event)
      else onEvent(event)
    },
    onMiss: (miss) => {
      const explanation = Promise.resolve().then(() => explain(miss))
      pending.set(miss.vertex.id, explanation)
    },
    settle: async () => {
      if (pending.size === 0) return
      let timer: NodeJS.Timeout | undefined
      const patience = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, PATIENCE_MS)
      })
      await Promise.race([Promise.all(pending.values()), patience])
      clearTimeout(timer)
      for (const step of [...pending.keys()]) end(step)
    },
  }
}
