import pLimit from 'p-limit'
import type { Digest } from '../../core/digest.ts'
import type { Graph } from '../../core/graph.ts'
import type { MissCause } from '../../core/miss.ts'
import { alignSteps } from '../../solver/explain/align.ts'
import { factCauses, readPreimage } from '../../solver/explain/facts.ts'
import { notesOf, type StepNote } from '../../solver/explain/step-note.ts'
import type { Miss } from '../../solver/solve.ts'
import { volatileOf } from '../drivers/layer.ts'
import { type StepResult, treeOf } from '../drivers/result.ts'
import type { Project } from '../history/project.ts'
import type { Session } from '../session.ts'
import { baseCauses, type EarlierStep } from './base.ts'
import { inputCause } from './inputs.ts'

/** A comparison of trees reads them: more at a time would be felt by the steps that run. */
const CONCURRENCY = 1

/** Says why steps miss. */
export interface Explainer {
  /** The causes, the one that says most first. @throws whatever goes wrong: nobody needs to know */
  causes(miss: Miss<StepResult>): Promise<readonly MissCause[]>
}

export interface ExplainerRequest {
  readonly session: Session
  readonly project: Project
  readonly graph: Graph
  /** The flag by which a step is executed that nobody looked up. */
  readonly flagOf: (miss: Miss<StepResult>) => string
}

/**
 * Compares with the last build of the project that was for the same, and then with the last one at all. Both are read when the first
 * step misses.
 */
export function createExplainer(request: ExplainerRequest): Explainer {
  const { session, project, graph } = request
  const present = notesOf(graph, new Map())
  const builds = session.store.history
    .earlier(project.project, project.variant)
    .map((list) => JSON.parse(list) as readonly StepNote[])
    .map((notes) => ({ notes, aligned: alignSteps(notes, present) }))
  const limit = pLimit(CONCURRENCY)
  const earlierOf = (id: number): EarlierStep | undefined => {
    const found = builds.flatMap(({ notes, aligned }) => {
      const note = aligned.get(id)
      return note === undefined ? [] : [{ note, notes }]
    })
    return found.find(({ note }) => note.key !== undefined) ?? found[0]
  }
  return {
    causes: (miss) => limit(() => causesOf(request, miss, earlierOf(miss.vertex.id), builds.length > 0)),
  }
}

async function causesOf(
  { session, graph, flagOf }: ExplainerRequest,
  miss: Miss<StepResult>,
  earlier: EarlierStep | undefined,
  isKnown: boolean,
): Promise<readonly MissCause[]> {
  const { vertex, key, reason } = miss
  if (reason === 'ignored') return [{ kind: 'asked', flag: flagOf(miss) }]
  if (reason === 'unwanted') return [{ kind: 'setting', name: '--volatile', from: volatileText(session, key.digest), to: '' }]
  const grave = session.store.tombstones.find(key.digest)
  if (grave !== undefined) return [{ kind: 'evicted', time: grave.evicted }]
  if (reason === 'lost') return [{ kind: 'lost' }]
  if (earlier?.note.key === undefined) return [{ kind: 'never-built', project: isKnown ? 'known' : 'new' }]
  if (vertex.op.kind === 'image') return baseCauses(vertex.op, earlier.note)
  const { note } = earlier
  const origin = originOf(session, earlier.note.key)
  const fromText = note.keyText ?? note.text
  const toText = vertex.text ?? vertex.name
  if (origin === undefined) return fromText === toText ? [{ kind: 'lost' }] : [{ kind: 'instruction', from: fromText, to: toText }]
  const [from, to] = [readPreimage(origin.preimage), readPreimage(key.preimage)]
  const causes: MissCause[] = [...factCauses({ from, to, fromText, toText })]
  for (const [index, digest] of to.inputs.entries()) {
    const before = origin.trees[index]
    const input = miss.inputs[index]
    if (digest === from.inputs[index] || input === undefined || before === undefined) continue
    const cause = await inputCause({ context: session.snapshotter, graph, vertex, index, earlier, before, now: treeOf(input) })
    if (cause !== undefined) causes.push(cause)
  }
  return causes.length > 0 ? causes : [{ kind: 'lost' }]
}

/** By which paths the result stands that is there. */
function volatileText({ store }: Session, key: Digest): string {
  const stored = store.records.find(key)
  return stored === undefined ? '' : volatileOf(stored).join(' ')
}

/** Records are evicted, and what they were made of stays known for a while. */
function originOf({ store }: Session, key: Digest): { readonly preimage: string; readonly trees: readonly Digest[] } | undefined {
  return store.records.origin(key) ?? store.tombstones.find(key)
}
