import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../../frontend/docker/random.ts'
import type { Tsbuild } from '../../support/tsbuild.ts'
import { type Disturb, differencesOfEdits } from './compared.ts'

const SEEDS = Number(process.env['TSBUILD_EDIT_SEEDS'] ?? 20)
const FIRST = Number(process.env['TSBUILD_EDIT_SEED'] ?? Math.floor(Math.random() * 1e9))
const ROUNDS = 8

/** Within this time something is killed: most builds take longer. */
const KILLED_WITHIN_MS = 800

/** Two to four others at once: the same build with or without a cache, killed or interrupted or left alone, and prunes. */
const disturb: Disturb = async (warm, context, { args }, random) =>
  Promise.all(random.list(2, 4, () => disturbance(warm, context, args, random)))

async function disturbance(warm: Tsbuild, context: string, args: readonly string[], random: Random): Promise<void> {
  const flags = random.pick([['--no-cache'], [], ['-t', 'named']])
  const command = random.pick([
    ['prune', '-af'],
    ['prune', '-f'],
    ['build', ...flags, ...args, context],
    ['build', ...flags, ...args, context],
  ])
  const signal = command[0] === 'prune' ? undefined : random.pick(['SIGKILL', 'SIGINT', undefined] as const)
  const after = random.number(KILLED_WITHIN_MS)
  const child = warm.start(command)
  const ended = once(child, 'close')
  if (signal !== undefined) {
    await Promise.race([sleep(after), ended])
    child.kill(signal)
  }
  await ended
}

for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) {
  test(`random edits make what they make in an empty store, beside prunes and builds that are killed, seed ${seed}`, {
    timeout: 600_000,
  }, async () => {
    assert.deepEqual(await differencesOfEdits(seed, ROUNDS, disturb), [])
  })
}
