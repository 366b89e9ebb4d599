import { TsbError } from '../../core/error.ts'
import type { Graph } from '../../core/graph.ts'
import type { BuildOptions, Entitlement } from '../types.ts'

/**
 * Refuses steps that want more than the user allows, before any of them runs.
 * @throws TsbError `TSB_NOT_ALLOWED`
 */
export function checkAllowed({ vertices }: Graph, { allow, network }: Pick<BuildOptions, 'allow' | 'network'>): void {
  // As with docker: who says it for the whole build has allowed it.
  const allowed = new Set<Entitlement>([...allow, ...(network === 'host' ? (['network.host'] as const) : [])])
  for (const { op, span } of vertices) {
    if (op.kind !== 'run') continue
    const wanted: readonly Entitlement[] = [
      ...(op.network === 'host' ? (['network.host'] as const) : []),
      ...(op.security === 'insecure' ? (['security.insecure'] as const) : []),
    ]
    for (const entitlement of wanted.filter((each) => !allowed.has(each))) {
      throw new TsbError('TSB_NOT_ALLOWED', `this step needs \`${entitlement}\`, which is not allowed`, {
        fault: 'input',
        hint: `allow it with \`--allow ${entitlement}\` if you trust the Dockerfile`,
        spans: span === undefined ? [] : [span],
      })
    }
  }
}

/** `--network`: what RUN has that says nothing of its own. */
export function withNetwork(graph: Graph, network: BuildOptions['network']): Graph {
  if (network === 'default') return graph
  const vertices = graph.vertices.map((vertex) => {
    const { op } = vertex
    return op.kind === 'run' && op.network === 'default' ? { ...vertex, op: { ...op, network } } : vertex
  })
  return { ...graph, vertices }
}
