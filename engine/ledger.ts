import type { Digest } from '../core/digest.ts'
import type { Ledger } from '../solver/ledger.ts'
import type { Store } from '../store/store.ts'
import type { Session } from './session.ts'

/** The ledger of one build. */
export interface StoreLedger extends Ledger {
  /** Notes when the records that were found have been used last. */
  noteUse(): void
}

/** The store, as the solver sees it. A key that this process executes is claimed for its other builds too. */
export function storeLedger({ store, effects }: Pick<Session, 'store' | 'effects'>): StoreLedger {
  const { records, publisher } = store
  const claimed = claimsOf(store)
  const used = new Set<Digest>()
  return {
    find: (key) => {
      const found = records.find(key)
      if (found !== undefined) used.add(key)
      return found
    },
    noteUse: () => {
      try {
        records.touch([...used], effects.now())
      } catch {
        // A full disk, a database busy for too long, a store that is read-only: no build fails for a time.
      }
    },
    findByDelta: (kin, delta) => records.findByDelta(kin, delta),
    findByRoot: (kin, root) => records.findByRoot(kin, root),
    lastDuration: (kin) => records.lastDuration(kin),
    remove: (key, result) => records.remove(key, result),
    claim: (key) => {
      if (claimed.has(key) || !records.claim(key)) return false
      claimed.add(key)
      return true
    },
    isClaimed: (key) => claimed.has(key) || records.isClaimed(key),
    release: (key) => {
      claimed.delete(key)
      records.release(key)
    },
    publish: ({ layers, ...record }) => {
      publisher.add({ layers, claim: record.key, record: { ...record, created: effects.now() } })
      claimed.delete(record.key)
    },
  }
}

/** To the database all builds of a process are one, so they have to keep apart what they execute. */
const CLAIMS = new WeakMap<Store, Set<Digest>>()

function claimsOf(store: Store): Set<Digest> {
  const known = CLAIMS.get(store) ?? new Set()
  CLAIMS.set(store, known)
  return known
}
