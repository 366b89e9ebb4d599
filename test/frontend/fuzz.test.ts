import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from './docker/random.ts'
import { mutated, seedFiles, tryFile } from './fuzz.ts'

const COUNT = 1500
const FILE_LIMIT = 2000

test('no Dockerfile makes the frontend crash or hang', async () => {
  const seeds = seedFiles()
  assert.ok(seeds.length > 100)
  const random = new Random(1)
  for (let i = 0; i < COUNT; i++) {
    const text = mutated(random, seeds)
    const before = process.cpuUsage()
    try {
      await tryFile(text)
    } catch (error) {
      throw new Error(`file ${i}: ${JSON.stringify(text)}`, { cause: error })
    }
    const { user } = process.cpuUsage(before)
    assert.ok(user < FILE_LIMIT * 1000, `${user / 1000} ms for ${JSON.stringify(text)}`)
  }
})
