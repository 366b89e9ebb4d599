import { canonicalDigest } from '../core/canonical.ts'
import type { Digest } from '../core/digest.ts'
import type { Vertex } from '../core/graph.ts'
import type { Op } from '../core/op.ts'
import type { Driver, Drivers, Executed, Execution } from './driver.ts'
import type { Edge, EdgeEvent } from './edge.ts'
import { type Key, keyOf } from './key.ts'
import type { SolveRequest } from './solve.ts'

/** A vertex while it is solved: its state, and what its state cannot hold. */
export interface Step<R> {
  readonly vertex: Vertex
  readonly driver: Driver<Op, R>
  edge: Edge
  /** Results of the inputs, once they are all there. */
  inputs: readonly R[]
  key?: Key
  kin?: Digest
  /** Found, or made. */
  result?: R
  executed?: Executed<R>
  /** Milliseconds of the execution. */
  duration?: number
  /** What executes, while it does. */
  execution?: Promise<void>
}

/** What the work of a step is done with. */
export type Surroundings<R> = Pick<SolveRequest<R>, 'drivers' | 'ledger' | 'effects' | 'onEvent' | 'onMiss' | 'signal'>

/** The driver of an op. */
export function driverOf<R>(drivers: Drivers<R>, op: Op): Driver<Op, R> {
  // The mapped type holds a driver of exactly this kind; TypeScript cannot follow that through the index.
  return drivers[op.kind] as Driver<Op, R>
}

/** What makes executions the same step, as a digest. */
export function kinOf<R>(step: Step<R>): Digest {
  step.kin ??= canonicalDigest(step.driver.kin(step.vertex.op))
  return step.kin
}

/** Computes the key of a step whose inputs are there. @throws what the driver does: a source that is missing */
export async function computeKey<R>({ signal }: Surroundings<R>, step: Step<R>): Promise<Key> {
  const { driver, vertex, inputs } = step
  const digests = await driver.inputDigests(vertex.op, inputs, signal)
  step.key = keyOf(driver.facts(vertex.op), digests)
  return step.key
}

/** Looks for an earlier result of a step's key, and forgets a record whose result has gone. */
export async function lookUp<R>({ ledger }: Surroundings<R>, step: Step<R>, key: Digest): Promise<EdgeEvent> {
  const stored = ledger.find(key)
  if (stored === undefined) return { kind: 'not-found', reason: 'unknown' }
  if (step.driver.serves?.(stored) === false) return { kind: 'not-found', reason: 'unwanted' }
  const result = await step.driver.revive(step.vertex.op, stored, step.inputs)
  if (result !== undefined) {
    step.result = result
    return { kind: 'found' }
  }
  ledger.remove(key, stored)
  return { kind: 'not-found', reason: 'lost' }
}

/** Has the driver do a step's work. @throws what the driver does */
export async function execute<R>(surroundings: Surroundings<R>, step: Step<R>): Promise<EdgeEvent> {
  const { effects, onEvent } = surroundings
  const { vertex, driver, inputs } = step
  onEvent({ kind: 'step-started', time: effects.now(), step: vertex.id })
  const began = effects.monotonic()
  const executed = await driver.execute(vertex.op, inputs, executionOf(surroundings, step))
  step.duration = Math.round(effects.monotonic() - began)
  step.executed = executed
  step.result = executed.result
  const fresh = executed.unchanged === undefined ? 'done' : 'unchanged'
  return { kind: 'executed', outcome: executed.reused === true ? 'cached' : fresh }
}

/** Records what a step made. Its claim is gone afterwards. */
export function publish<R>({ ledger }: Surroundings<R>, step: Step<R>, key: Digest): void {
  const { executed, driver, inputs, duration = 0 } = step
  if (executed === undefined || step.key === undefined) throw new Error('nothing to publish')
  const { stored, layers, delta } = executed
  ledger.publish({
    key,
    kin: kinOf(step),
    preimage: step.key.preimage,
    result: stored,
    layers,
    duration,
    trees: driver.trees(inputs),
    ...(delta === undefined ? {} : { delta }),
  })
}

function executionOf<R>({ effects, onEvent, ledger, signal }: Surroundings<R>, step: Step<R>): Execution {
  const { vertex, driver, inputs } = step
  return {
    vertex,
    signal,
    findTwin: (delta) => (driver.recorded ? ledger.findByDelta(kinOf(step), delta) : undefined),
    findEarlier: () => {
      const root = driver.recorded ? driver.trees(inputs)[0] : undefined
      return root === undefined ? [] : ledger.findByRoot(kinOf(step), root)
    },
    log: (stream, data) => onEvent({ kind: 'step-log', time: effects.now(), step: vertex.id, stream, data }),
    progress: (item, current, total) =>
      onEvent({ kind: 'step-progress', time: effects.now(), step: vertex.id, item, current, ...(total === undefined ? {} : { total }) }),
  }
}
