import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blake3Digest } from '../../core/digest.ts'
import { storeLedger } from '../../engine/ledger.ts'
import type { Session } from '../../engine/session.ts'

test('one vertex of a process at a time claims a key, and the record gives the claim back', () => {
  const claims = new Set<string>()
  const found = new Map<string, string>()
  const store = {
    records: {
      find: (key: string) => found.get(key),
      // As the store: a process's own claim is no obstacle to it.
      claim: (key: string) => claims.add(key) !== undefined,
      release: (key: string) => claims.delete(key),
    },
    publisher: {
      add: ({ claim, record }: { claim: string; record: { result: string } }) => {
        found.set(claim, record.result)
        claims.delete(claim)
      },
    },
  }
  const ledger = storeLedger({ store, effects: { now: () => 0 } } as unknown as Session)
  const key = blake3Digest('key')
  assert.equal(ledger.claim(key), true)
  assert.equal(ledger.claim(key), false, 'a second vertex waits')
  ledger.publish({ key, kin: key, preimage: '', result: 'found', layers: [], duration: 0, trees: [] })
  assert.deepEqual([...claims], [])
  assert.equal(ledger.find(key), 'found')
  assert.equal(ledger.claim(key), true, 'and looks again')
  ledger.release(key)
  assert.deepEqual([...claims], [])
})
