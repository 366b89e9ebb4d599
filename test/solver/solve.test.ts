import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isTsbError, TsbError } from '../../core/error.ts'
import type { BuildEvent } from '../../core/event.ts'
import type { Graph } from '../../core/graph.ts'
import { solve } from '../../solver/solve.ts'
import { type Behaviour, type Content, fakeDrivers, graphOf, MemoryLedger, recorder } from './fakes.ts'

interface Outcome {
  readonly executed: readonly string[]
  readonly events: readonly BuildEvent[]
  readonly maximumRunning: number
  readonly output: Content | undefined
}

async function run(
  graph: Graph,
  behaviours: Record<string, Behaviour> = {},
  ledger = new MemoryLedger(),
  signal = new AbortController().signal,
): Promise<Outcome> {
  const fake = fakeDrivers(behaviours)
  const { events, effects } = recorder()
  const results = await solve({ graph, drivers: fake.drivers, ledger, effects, onEvent: (event) => events.push(event), signal })
  return { executed: fake.executed, events, maximumRunning: fake.maximumRunning, output: results.get(graph.output) }
}

function outcomesOf(events: readonly BuildEvent[]): readonly string[] {
  return events.flatMap((event) => (event.kind === 'step-done' ? [`${event.step} ${event.outcome.kind}`] : []))
}

test('a second solve executes nothing and says cached for each step', async () => {
  const ledger = new MemoryLedger()
  const graph = graphOf('base', 'a < base', 'b < a')
  assert.deepEqual((await run(graph, {}, ledger)).executed, ['base', 'a', 'b'])
  const second = await run(graph, {}, ledger)
  assert.deepEqual(second.executed, [])
  assert.deepEqual(outcomesOf(second.events), ['0 cached', '1 cached', '2 cached'])
})

test('a changed input re-executes exactly what depends on it', async () => {
  const ledger = new MemoryLedger()
  const graph = graphOf('*source', 'base', 'left < source', 'right < base', 'join < left, right')
  let content = 'one'
  const behaviours = { source: () => content, left: ([source = '']: readonly string[]) => `left of ${source}` }
  await run(graph, behaviours, ledger)
  content = 'two'
  assert.deepEqual((await run(graph, behaviours, ledger)).executed, ['source', 'left', 'join'])
})

test('a step that re-ran with the same output leaves its children cached', async () => {
  const ledger = new MemoryLedger()
  const chain = (first: string): Graph => graphOf(first, 'b < a', 'c < b')
  await run(chain('a'), {}, ledger)
  assert.deepEqual((await run(chain('*a'), {}, ledger)).executed, ['a'])
})

test('independent steps run side by side', async () => {
  const slow: Behaviour = async () => {
    await sleep(20)
    return 'x'
  }
  const outcome = await run(graphOf('a', 'b', 'c', 'd < a, b, c'), { a: slow, b: slow, c: slow })
  assert.equal(outcome.maximumRunning, 3)
})

test('equal vertices execute once', async () => {
  const graph = graphOf('base', 'same < base', 'other < base', 'end < same, other')
  const twins: Graph = {
    ...graph,
    vertices: graph.vertices.map((vertex) => (vertex.name === 'other' ? { ...vertex, op: graph.vertices[1]?.op ?? vertex.op } : vertex)),
  }
  const outcome = await run(twins, { same: () => sleep(10).then(() => 'result') })
  assert.deepEqual(outcome.executed, ['base', 'same', 'end'])
})

test('the first failure cancels what still runs, and is the one thrown', async () => {
  const graph = graphOf('bad', 'slow', 'after < bad', 'end < after, slow')
  let canceled = false
  const behaviours: Record<string, Behaviour> = {
    bad: () => Promise.reject(new TsbError('TSB_STEP_FAILED', 'bad failed', { fault: 'step' })),
    slow: async (_inputs, signal) => {
      await sleep(10_000, undefined, { signal }).catch(() => {
        canceled = true
        throw new TsbError('TSB_INTERRUPTED', 'interrupted', { fault: 'interrupted' })
      })
      return ''
    },
  }
  const ledger = new MemoryLedger()
  await assert.rejects(run(graph, behaviours, ledger), (error) => isTsbError(error) && error.code === 'TSB_STEP_FAILED')
  assert.equal(canceled, true)
  assert.equal(ledger.claims.size, 0)
})

test('a key that another process holds is waited for and not executed', async () => {
  const ledger = new MemoryLedger()
  const slow: Behaviour = async () => {
    await sleep(30)
    return 'shared result'
  }
  const graph = graphOf('shared')
  const both = await Promise.all([run(graph, { shared: slow }, ledger), run(graph, { shared: slow }, ledger)])
  assert.deepEqual(both.map((outcome) => outcome.executed.length).sort(), [0, 1])
  assert.deepEqual(
    both.map((outcome) => outcome.output),
    ['shared result', 'shared result'],
  )
})

test('an aborted solve rejects as interrupted and executes nothing more', async () => {
  const controller = new AbortController()
  const promise = run(graphOf('a', 'b < a'), { a: () => controller.abort() as unknown as string }, new MemoryLedger(), controller.signal)
  await assert.rejects(promise, (error) => isTsbError(error) && error.fault === 'interrupted')
})
