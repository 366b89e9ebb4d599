import { test } from 'node:test'
import { survivesKills } from './kills.ts'

const skip = process.geteuid?.() === 0 ? false : 'only root can ask the kernel to tell of system calls'

test('a store survives 20 kills', { skip, timeout: 240_000 }, () => survivesKills(20, 1))
