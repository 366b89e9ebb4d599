import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Graph, Vertex } from '../../../core/graph.ts'
import type { Op } from '../../../core/op.ts'
import { prepareRuns } from '../../../engine/drivers/ahead.ts'
import type { Session } from '../../../engine/session.ts'

const FILE = { kind: 'file' } as unknown as Op
const run = (network: string): Op => ({ kind: 'run', network }) as unknown as Op

function graphOf(...steps: readonly (readonly [op: Op, ...inputs: readonly number[]])[]): Graph {
  const vertices = steps.map(([op, ...inputs], id): Vertex => ({ id, op, inputs, name: '', stage: '', ignoreCache: false }))
  return { vertices, output: vertices.length - 1 }
}

/** How often something was prepared when these vertices executed, one after the other. */
async function prepared(graph: Graph, executed: readonly number[]): Promise<number> {
  let count = 0
  const session = { executor: async () => ({ prepare: () => (count += 1) }) } as unknown as Session
  const listener = prepareRuns(session, graph)
  for (const id of executed) {
    const vertex = graph.vertices[id]
    assert.ok(vertex)
    listener({ vertex })
  }
  await new Promise(setImmediate)
  return count
}

test('a step that a RUN needs, however far away, has it prepared once', async () => {
  const graph = graphOf([FILE], [FILE, 0], [FILE, 1], [run('default'), 2])
  assert.equal(await prepared(graph, [0, 1, 2]), 1)
})

test('nothing is prepared where no RUN with a network follows', async () => {
  assert.equal(await prepared(graphOf([run('default')], [FILE, 0]), [1]), 0)
  assert.equal(await prepared(graphOf([FILE], [run('none'), 0], [run('host'), 1]), [0]), 0)
  assert.equal(await prepared(graphOf([FILE], [run('default')], [FILE, 0, 1]), [0]), 0)
})

test('a RUN that executes asks for what it needs itself', async () => {
  assert.equal(await prepared(graphOf([run('default')], [run('default'), 0]), [0, 1]), 0)
})
