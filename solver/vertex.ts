import { setTimeout as sleep } from 'node:timers/promises'
import { canonicalDigest } from '../core/canonical.ts'
import type { Digest } from '../core/digest.ts'
import { interrupted, toTsbError, withSpan } from '../core/error.ts'
import type { StepOutcome } from '../core/event.ts'
import type { Vertex } from '../core/graph.ts'
import type { Op } from '../core/op.ts'
import type { Driver, Drivers, Executed, Execution } from './driver.ts'
import { type Key, keyOf } from './key.ts'
import type { Miss, Solving } from './solve.ts'

/** How often a key that another process executes is looked at again. */
const CLAIM_POLL_MS = 50

/** One vertex: wait for the inputs, compute the key, reuse what is known, otherwise execute and record. */
export async function solveVertex<R>(solving: Solving<R>, vertex: Vertex, pending: readonly Promise<R>[]): Promise<R> {
  const inputs = await Promise.all(pending)
  if (solving.signal.aborted) throw interrupted()
  try {
    return await reuseOrExecute(solving, vertex, inputs)
  } catch (error) {
    const failure = withSpan(toTsbError(error), vertex.span)
    const canceled = failure.fault === 'interrupted' || solving.signal.aborted
    done(solving, vertex, canceled ? { kind: 'canceled' } : { kind: 'failed', message: failure.message })
    throw canceled ? interrupted() : failure
  }
}

async function reuseOrExecute<R>(solving: Solving<R>, vertex: Vertex, inputs: readonly R[]): Promise<R> {
  const driver = driverOf(solving.drivers, vertex.op)
  if (!driver.recorded) {
    const { result, reused } = await execute(solving, vertex, driver, inputs, undefined)
    solving.onSolved?.({ vertex, outcome: { kind: reused === true ? 'cached' : 'done' } })
    return result
  }
  const key = keyOf(driver.facts(vertex.op), await driver.inputDigests(vertex.op, inputs, solving.signal))
  let reason: Miss<R>['reason'] = 'ignored'
  if (!vertex.ignoreCache) {
    const found = await lookUp(solving, vertex, driver, inputs, key)
    if (typeof found !== 'string') return cached(solving, vertex, found.result, key)
    reason = found
  }
  while (!solving.ledger.claim(key.digest)) {
    await sleep(CLAIM_POLL_MS, undefined, { signal: solving.signal }).catch(() => Promise.reject(interrupted()))
  }
  try {
    return await executeClaimed(solving, vertex, driver, inputs, key, reason)
  } catch (error) {
    solving.ledger.release(key.digest)
    throw error
  }
}

async function executeClaimed<R>(
  solving: Solving<R>,
  vertex: Vertex,
  driver: Driver<Op, R>,
  inputs: readonly R[],
  key: Key,
  reason: Miss<R>['reason'],
): Promise<R> {
  // Whoever held the claim before may have recorded the result meanwhile.
  const found = vertex.ignoreCache ? reason : await lookUp(solving, vertex, driver, inputs, key)
  if (typeof found !== 'string') {
    solving.ledger.release(key.digest)
    return cached(solving, vertex, found.result, key)
  }
  solving.onMiss?.({ vertex, key, inputs, reason })
  const began = solving.effects.monotonic()
  const kin = canonicalDigest(driver.kin(vertex.op))
  const { result, stored, layers, delta } = await execute(solving, vertex, driver, inputs, kin)
  const duration = Math.round(solving.effects.monotonic() - began)
  solving.ledger.publish({
    key: key.digest,
    kin,
    preimage: key.preimage,
    result: stored,
    layers,
    duration,
    trees: driver.trees(inputs),
    ...(delta === undefined ? {} : { delta }),
  })
  solving.onSolved?.({ vertex, key: key.digest, outcome: { kind: 'done' }, duration })
  return result
}

async function execute<R>(
  solving: Solving<R>,
  vertex: Vertex,
  driver: Driver<Op, R>,
  inputs: readonly R[],
  kin: Digest | undefined,
): Promise<Executed<R>> {
  return solving.limits[vertex.op.kind](async () => {
    if (solving.signal.aborted) throw interrupted()
    const { effects, onEvent } = solving
    onEvent({ kind: 'step-started', time: effects.now(), step: vertex.id })
    const executed = await driver.execute(vertex.op, inputs, executionOf(solving, vertex, kin))
    done(solving, vertex, { kind: executed.reused === true ? 'cached' : 'done' })
    return executed
  })
}

function executionOf<R>(solving: Solving<R>, vertex: Vertex, kin: Digest | undefined): Execution {
  const { effects, onEvent, ledger, signal } = solving
  return {
    vertex,
    signal,
    findTwin: (delta) => (kin === undefined ? undefined : ledger.findByDelta(kin, delta)),
    log: (stream, data) => onEvent({ kind: 'step-log', time: effects.now(), step: vertex.id, stream, data }),
    progress: (item, current, total) =>
      onEvent({ kind: 'step-progress', time: effects.now(), step: vertex.id, item, current, ...(total === undefined ? {} : { total }) }),
  }
}

async function lookUp<R>(
  solving: Solving<R>,
  vertex: Vertex,
  driver: Driver<Op, R>,
  inputs: readonly R[],
  key: Key,
): Promise<{ readonly result: R } | 'unknown' | 'lost'> {
  const stored = solving.ledger.find(key.digest)
  if (stored === undefined) return 'unknown'
  const result = await driver.revive(vertex.op, stored, inputs)
  if (result !== undefined) return { result }
  solving.ledger.remove(key.digest)
  return 'lost'
}

function cached<R>(solving: Solving<R>, vertex: Vertex, result: R, key: Key): R {
  done(solving, vertex, { kind: 'cached' })
  solving.onSolved?.({ vertex, key: key.digest, outcome: { kind: 'cached' } })
  return result
}

function done<R>(solving: Solving<R>, vertex: Vertex, outcome: StepOutcome): void {
  solving.onEvent({ kind: 'step-done', time: solving.effects.now(), step: vertex.id, outcome })
}

/** The mapped type holds a driver of exactly this kind; TypeScript cannot follow that through the index. */
function driverOf<R>(drivers: Drivers<R>, op: Op): Driver<Op, R> {
  return drivers[op.kind] as Driver<Op, R>
}
