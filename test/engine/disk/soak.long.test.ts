import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CAP, soak } from './soak.ts'

test('builds at twice the cap in four processes, prunes beside them: never over it', async (t) => {
  const { builds, prunes, most } = await soak({ processes: 4, milliseconds: 10 * 60_000 })
  t.diagnostic(`${builds} builds, ${prunes} prunes, at most ${most} of ${CAP} bytes`)
  assert.ok(most <= CAP, `${most} of ${CAP}`)
  assert.ok(builds >= 200)
})
