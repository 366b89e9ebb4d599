import assert from 'node:assert/strict'
import { test } from 'node:test'
import { differencesOfEdits } from './compared.ts'

/** The long test takes seeds by chance; these are the same in every run. */
test('random edits make in a used store what they make in an empty one', { timeout: 120_000 }, async () => {
  assert.deepEqual(await differencesOfEdits(1, 6), [])
})
