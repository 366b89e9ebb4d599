import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CAP, soak } from './soak.ts'

test('a slice of the soak: builds at twice the cap and prunes beside them, never over it', async () => {
  const { builds, prunes, most } = await soak({ processes: 2, milliseconds: 9_000 })
  assert.ok(most <= CAP, `${most} of ${CAP}`)
  assert.ok(builds >= 4 && prunes >= 3, `${builds} builds, ${prunes} prunes`)
})
