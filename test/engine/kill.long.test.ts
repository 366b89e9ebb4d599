import { test } from 'node:test'
import { survivesKills } from './kills.ts'

test('a store survives 500 kills', { timeout: 3_600_000 }, async () => {
  for (let seed = 100; seed < 110; seed += 1) await survivesKills(50, seed)
})
