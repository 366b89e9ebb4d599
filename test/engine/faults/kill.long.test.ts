import { test } from 'node:test'
import { survivesKills } from './kills.ts'

const skip = process.geteuid?.() === 0 ? false : 'only root can ask the kernel to tell of system calls'

test('a store survives 500 kills', { skip, timeout: 3_600_000 }, async () => {
  for (let seed = 100; seed < 110; seed += 1) await survivesKills(50, seed)
})
