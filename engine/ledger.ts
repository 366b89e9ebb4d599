import type { Digest } from '../core/digest.ts'
import type { Ledger, LedgerEntry } from '../solver/ledger.ts'
import type { Session } from './session.ts'

/**
 * The store, as the solver sees it. Results that wait for the next sync are found here already, and a key that this
 * process executes is claimed for its other builds and vertices too.
 */
export function storeLedger(session: Session): Ledger {
  const { records, publisher } = session.store
  const claimed = new Set<Digest>()
  const unsynced = new Map<Digest, LedgerEntry>()
  return {
    find: (key) => unsynced.get(key)?.result ?? records.find(key),
    findByDelta: (op, delta) => records.findByDelta(op, delta),
    remove: (key) => records.remove(key),
    claim: (key) => {
      if (claimed.has(key)) return false
      if (!unsynced.has(key) && !records.claim(key)) return false
      claimed.add(key)
      return true
    },
    release: (key) => {
      claimed.delete(key)
      // A result on its way to the disk keeps its claim until others can see it, or they would execute it again.
      if (!unsynced.has(key)) records.release(key)
    },
    publish: (entry) => {
      unsynced.set(entry.key, entry)
      claimed.delete(entry.key)
      const { layers, ...record } = entry
      publisher.add({ layers, claim: entry.key, record: { ...record, created: session.effects.now() } })
    },
  }
}
