import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blake3Digest } from '../../core/digest.ts'
import { storeLedger } from '../../engine/ledger.ts'
import type { Session } from '../../engine/session.ts'

test('a key keeps its claim until its result is durable, also when another vertex of the build looks at it', () => {
  const claims = new Set<string>()
  const published: string[] = []
  const store = {
    records: {
      find: () => undefined,
      claim: (key: string) => claims.has(key) || claims.add(key) !== undefined,
      release: (key: string) => claims.delete(key),
    },
    publisher: { add: ({ claim }: { claim: string }) => published.push(claim) },
  }
  const ledger = storeLedger({ store, effects: { now: () => 0 } } as unknown as Session)
  const key = blake3Digest('key')
  assert.equal(ledger.claim(key), true)
  assert.equal(ledger.claim(key), false, 'a second vertex waits')
  ledger.publish({ key, op: key, preimage: '', result: 'found', layers: [], duration: 0 })
  assert.equal(ledger.claim(key), true)
  assert.equal(ledger.find(key), 'found')
  ledger.release(key)
  assert.deepEqual([...claims], [key], "the publisher's to give back, with the record")
  assert.deepEqual(published, [key])
})
