import type { Digest } from '../core/digest.ts'
import type { Ledger } from '../solver/ledger.ts'
import type { Session } from './session.ts'

/** The store, as the solver sees it. A key that this process executes is claimed for its other builds and vertices too. */
export function storeLedger(session: Pick<Session, 'store' | 'effects'>): Ledger {
  const { records, publisher } = session.store
  const claimed = new Set<Digest>()
  return {
    find: (key) => records.find(key),
    findByDelta: (kin, delta) => records.findByDelta(kin, delta),
    remove: (key) => records.remove(key),
    claim: (key) => {
      if (claimed.has(key) || !records.claim(key)) return false
      claimed.add(key)
      return true
    },
    release: (key) => {
      claimed.delete(key)
      records.release(key)
    },
    publish: ({ layers, ...record }) => {
      publisher.add({ layers, claim: record.key, record: { ...record, created: session.effects.now() } })
      claimed.delete(record.key)
    },
  }
}
