import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from './docker/random.ts'
import { mutated, seedFiles, tryFile } from './fuzz.ts'

const TIME = 120_000

/** `SEED=n` begins there; the seed of a file that fails is in the error. */
test('no Dockerfile makes the frontend crash, for two minutes', { timeout: 4 * TIME }, async () => {
  const seeds = seedFiles()
  const end = Date.now() + TIME
  let seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000)
  for (; Date.now() < end; seed++) {
    const text = mutated(new Random(seed), seeds)
    try {
      await tryFile(text)
    } catch (error) {
      throw new Error(`SEED=${seed}: ${JSON.stringify(text)}`, { cause: error })
    }
  }
  assert.ok(seed > 0)
})
