import { test } from 'node:test'
import { survivesKills } from './kills.ts'

test('a store survives 20 kills', { timeout: 180_000 }, () => survivesKills(20, 1))
