import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { Interrupted } from './gauge.mjs'
import { measureBlocks } from './limits.mjs'
import { VERBS } from './verbs.mjs'

/**
 * Measures one scenario: every round times each builder on the same change, then the blocks of the limit.
 * @returns {Promise<{ scenario: object, runs: Record<string, object[]>, blocks: object[] }>} what the verb gave by builder, and the
 *   blocks by round
 */
export async function measure(scenario, all, { disk, pulled, rootTar, rounds, checkpoint }) {
  const place = join(disk, 'scenario')
  const context = join(place, 'context')
  const stage = { place, context, files: join(context, 'files'), scratch: join(place, 'scratch'), pulled, rootTar, steps: scenario.steps }
  const verb = VERBS[scenario.verb]
  const builders = scenario.alone ? all.slice(0, 1) : all
  const runs = Object.fromEntries(all.map(({ name }) => [name, []]))
  const blocks = []
  mkdirSync(context, { recursive: true })
  try {
    scenario.prepare(context, stage)
    if (verb.warm) for (const builder of builders) tryOnce(() => builder.build(context), `${scenario.name}, ${builder.name}`)
    for (let round = 0; round < rounds; round += 1) {
      // Of the change no cache can know yet.
      scenario.change?.(context, `${process.pid}-${round}`)
      for (const builder of rotated(builders, round)) {
        runs[builder.name].push(...tryOnce(() => verb.round(builder, stage), `${scenario.name}, ${builder.name}`))
        await setImmediate()
        checkpoint()
      }
      blocks.push(measureBlocks(scenario, stage))
      console.error(`${scenario.name}: round ${round + 1}, ${latest(runs)}`)
    }
    return { scenario, runs, blocks }
  } finally {
    for (const builder of builders) builder.reset()
    rmSync(place, { recursive: true, force: true })
  }
}

/** A builder that fails, or cannot do what is asked, has no figure for the round; the others go on. */
function tryOnce(work, what) {
  try {
    const result = work()
    return result === undefined ? [] : [result]
  } catch (error) {
    if (error instanceof Interrupted) throw error
    console.error(`${what}: ${error.message}`)
    process.exitCode = 1
    return []
  }
}

/** Another one begins each round, so that none always has the machine right after a change. */
function rotated(builders, round) {
  const first = round % builders.length
  return [...builders.slice(first), ...builders.slice(0, first)]
}

function latest(runs) {
  return Object.entries(runs)
    .map(([name, results]) => `${name} ${results.length === 0 ? '-' : `${Math.round(results.at(-1).milliseconds)} ms`}`)
    .join(', ')
}
