import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Digest } from '../../core/digest.ts'
import { isTsbError, TsbError } from '../../core/error.ts'
import type { BuildEvent } from '../../core/event.ts'
import type { Graph, Vertex } from '../../core/graph.ts'
import type { RunOp } from '../../core/op.ts'
import { keyOf } from '../../solver/key.ts'
import { type SolveRequest, solve } from '../../solver/solve.ts'
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
  more: Partial<SolveRequest<Content>> = {},
): Promise<Outcome> {
  const fake = fakeDrivers(behaviours)
  const { events, effects } = recorder()
  const results = await solve({ graph, drivers: fake.drivers, ledger, effects, onEvent: (event) => events.push(event), signal, ...more })
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

const slow: Behaviour = async () => {
  await sleep(20)
  return 'x'
}

test('no more steps execute at once than are allowed, and eight that wait do so together', async () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
  const graph = graphOf(...names, `end < ${names.join(', ')}`)
  const behaviours = Object.fromEntries(names.map((name) => [name, slow]))
  assert.equal((await run(graph, behaviours)).maximumRunning, 8)
  assert.equal((await run(graph, behaviours, new MemoryLedger(), undefined, { maxParallel: 3 })).maximumRunning, 3)
})

test('the head of the longest chain goes first, by the durations of earlier executions', async () => {
  const ledger = new MemoryLedger()
  const graph = graphOf('*short', '*middle', '*long', '*tail < middle', '*end < short, tail, long')
  const clock = { now: 0 }
  const takes = (time: number): Behaviour => {
    return () => {
      clock.now += time
      return String(clock.now)
    }
  }
  const behaviours = { short: takes(30), middle: takes(10), long: takes(100), tail: takes(200), end: takes(1) }
  const once = { maxParallel: 1, effects: { now: () => 0, monotonic: () => clock.now } }
  const order = async (): Promise<readonly string[]> => (await run(graph, behaviours, ledger, undefined, once)).executed
  assert.deepEqual(await order(), ['middle', 'short', 'long', 'tail', 'end'], 'at first only the number of steps behind counts')
  assert.deepEqual(await order(), ['middle', 'tail', 'long', 'short', 'end'])
})

test('nothing is looked at that the wanted vertices do not need', async () => {
  const graph = graphOf('base', 'wanted < base', 'other < base', 'end < wanted, other')
  const { executed, events } = await run(graph, {}, new MemoryLedger(), undefined, { wanted: [1] })
  assert.deepEqual(executed, ['base', 'wanted'])
  assert.deepEqual(outcomesOf(events), ['0 done', '1 done'])
})

test('a failure tells what else was running, and what had not begun has no end', async () => {
  const graph = graphOf('bad', 'slow', 'after < slow', 'end < bad, after')
  const behaviours: Record<string, Behaviour> = {
    bad: () => sleep(5).then(() => Promise.reject(new TsbError('TSB_STEP_FAILED', 'bad failed', { fault: 'step' }))),
    slow: (_inputs, signal) => sleep(10_000, '', { signal }),
  }
  const events: BuildEvent[] = []
  await assert.rejects(run(graph, behaviours, new MemoryLedger(), undefined, { onEvent: (event) => events.push(event) }))
  assert.deepEqual(outcomesOf(events), ['0 failed', '1 canceled'])
  const failed = events.flatMap((event) => (event.kind === 'step-done' && event.outcome.kind === 'failed' ? [event.outcome] : []))
  assert.deepEqual(
    failed.map(({ alsoRunning }) => alsoRunning),
    [[1]],
  )
})

test('equal vertices that ignore the cache execute once in a build, and again in the next', async () => {
  const ledger = new MemoryLedger()
  const graph = graphOf('*same', '*other', 'end < same, other')
  const twins: Graph = {
    ...graph,
    vertices: graph.vertices.map((each) => (each.name === 'other' ? { ...each, op: firstOp(graph) } : each)),
  }
  for (let build = 0; build < 2; build += 1) {
    const { executed, events } = await run(twins, { same: slow }, ledger)
    assert.equal(executed.filter((name) => name === 'same').length, 1)
    assert.deepEqual(outcomesOf(events).slice(0, 2).sort(), ['0 done', '1 cached'])
  }
})

test('a key is taken over when whoever holds it is gone, and waiting for it takes no room', async () => {
  const ledger = new MemoryLedger()
  const graph = graphOf('held', 'free', 'end < held, free')
  const key = heldKey(graph)
  ledger.claims.add(key)
  const promise = run(graph, {}, ledger, undefined, { maxParallel: 1 })
  await sleep(60)
  ledger.claims.delete(key)
  const { executed } = await promise
  assert.deepEqual(executed, ['free', 'held', 'end'])
})

test('a waiting step ends with the build, and leaves the key to its holder', async () => {
  const ledger = new MemoryLedger()
  const graph = graphOf('held')
  ledger.claims.add(heldKey(graph))
  const controller = new AbortController()
  const promise = run(graph, {}, ledger, controller.signal)
  await sleep(30)
  controller.abort()
  await assert.rejects(promise, (error) => isTsbError(error) && error.fault === 'interrupted')
  assert.equal(ledger.claims.size, 1)
})

test('a ledger that fails ends the build with its error', async () => {
  for (const method of ['find', 'claim', 'publish', 'release'] as const) {
    const ledger = new MemoryLedger()
    ledger[method] = () => {
      throw new TsbError('TSB_DISK_FULL', 'full', { fault: 'host' })
    }
    const bad = () => Promise.reject(new TsbError('TSB_STEP_FAILED', 'bad failed', { fault: 'step' }))
    const promise = run(graphOf('a', 'b < a'), method === 'release' ? { a: bad } : {}, ledger)
    await assert.rejects(promise, (error) => isTsbError(error) && /TSB_DISK_FULL|TSB_STEP_FAILED/.test(error.code))
  }
})

test('a listener that throws ends the build, too', async () => {
  const onEvent = (): never => {
    throw new RangeError('no terminal')
  }
  await assert.rejects(run(graphOf('a', 'b < a'), {}, new MemoryLedger(), undefined, { onEvent }), /no terminal/)
})

function firstOp({ vertices }: Graph): Vertex['op'] {
  return (vertices[0] as Vertex).op
}

/** The key of the first vertex, which has no inputs. */
function heldKey(graph: Graph): Digest {
  const { drivers } = fakeDrivers({})
  return keyOf(drivers.run.facts(firstOp(graph) as RunOp), []).digest
}
