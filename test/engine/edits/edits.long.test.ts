import assert from 'node:assert/strict'
import { test } from 'node:test'
import { differencesOfEdits } from './compared.ts'

const SEEDS = Number(process.env['TSBUILD_EDIT_SEEDS'] ?? 50)
const FIRST = Number(process.env['TSBUILD_EDIT_SEED'] ?? Math.floor(Math.random() * 1e9))
const ROUNDS = 12

for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) {
  test(`random edits make in a used store what they make in an empty one, seed ${seed}`, { timeout: 600_000 }, async () => {
    assert.deepEqual(await differencesOfEdits(seed, ROUNDS), [])
  })
}
