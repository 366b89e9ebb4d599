import type { Graph, VertexId } from '../../core/graph.ts'
import type { Miss } from '../../solver/solve.ts'
import type { Session } from '../session.ts'
import type { StepResult } from './result.ts'

/** For `onMiss`: when a step executes that a RUN needs, what that RUN's container needs is made beside it. Once in a build is enough. */
export function prepareRuns(session: Session, graph: Graph): (miss: Pick<Miss<StepResult>, 'vertex'>) => void {
  let isPrepared = false
  return ({ vertex }) => {
    // A RUN itself asks for what it needs right now.
    if (isPrepared || vertex.op.kind === 'run' || !feedsRun(graph, vertex.id)) return
    isPrepared = true
    // Whatever is wrong is told where a container is really run.
    session.executor().then(
      (executor) => executor.prepare({ network: 'default' }),
      () => undefined,
    )
  }
}

/** Whether a RUN with the default network comes after a vertex. */
function feedsRun({ vertices }: Graph, from: VertexId): boolean {
  const after = new Set([from])
  // Inputs stand before their users.
  for (const { id, op, inputs } of vertices) {
    if (!inputs.some((input) => after.has(input))) continue
    if (op.kind === 'run' && op.network === 'default') return true
    after.add(id)
  }
  return false
}
