import { setTimeout as sleep } from 'node:timers/promises'
import type { Canonical } from '../../core/canonical.ts'
import type { Digest } from '../../core/digest.ts'
import { interrupted } from '../../core/error.ts'
import { layersUsable, type Snapshot } from '../../snapshotter/snapshot.ts'
import { hasTree } from '../../snapshotter/tree.ts'
import { keyOf } from '../../solver/key.ts'
import type { RemoteWork } from './types.ts'

/** A tree that was made of something remote, as a record keeps it. */
export interface KeptTree {
  readonly snapshot: Snapshot
  /** Seconds since 1970 that stand for the whole, where it has such a time: of the commit, of `Last-Modified`, of the newest file. */
  readonly time?: number
  /** The name of its only file, where what was to be unpacked was no archive. */
  readonly single?: string
}

/** A tree, and whether it was there before. */
export interface FetchedTree extends KeptTree {
  readonly reused: boolean
}

/** How often a key that another process executes is looked at again. */
const CLAIM_POLL_MS = 50

/**
 * The tree that `facts` led to before, or what `make` makes now; one process at a time makes it, and the others take it over.
 * The facts have to say everything that the tree depends on. Atomic: a record with its layers, or nothing.
 */
export async function keepTree(work: RemoteWork, facts: Canonical, make: () => Promise<KeptTree>): Promise<FetchedTree> {
  const { ledger, effects, signal } = work
  const key = keyOf(facts, [])
  const known = await findTree(work, facts)
  if (known !== undefined) return known
  while (!ledger.claim(key.digest)) {
    await sleep(CLAIM_POLL_MS, undefined, { signal }).catch(() => Promise.reject(interrupted()))
  }
  try {
    // Whoever held the claim before may have recorded it meanwhile.
    const found = await findTree(work, facts)
    if (found !== undefined) {
      ledger.release(key.digest)
      return found
    }
    const began = effects.monotonic()
    const made = await make()
    const duration = Math.round(effects.monotonic() - began)
    const { layers } = made.snapshot
    ledger.publish({ key: key.digest, kin: key.digest, preimage: key.preimage, result: JSON.stringify(made), layers, duration, trees: [] })
    return { ...made, reused: false }
  } catch (error) {
    ledger.release(key.digest)
    throw error
  }
}

/** The tree that `facts` led to before, if it is still there. */
export async function findTree({ ledger, snapshotter }: RemoteWork, facts: Canonical): Promise<FetchedTree | undefined> {
  const { digest } = keyOf(facts, [])
  const stored = ledger.find(digest)
  if (stored === undefined) return undefined
  const tree = JSON.parse(stored) as KeptTree
  const { layers, tree: whole } = tree.snapshot
  const isWhole =
    layersUsable(snapshotter.store, layers) &&
    (await hasTree(snapshotter, tree.snapshot)) &&
    // A build asks for it once and uses it to its end.
    snapshotter.store.pins.tryHold({ layers, trees: [whole] })
  if (!isWhole) ledger.remove(digest, stored)
  return isWhole ? { ...tree, reused: true } : undefined
}

/** Remembers a text that is worth something to later builds only; losing it does no harm. */
export function keepNote({ ledger }: RemoteWork, facts: Canonical, text: string): void {
  const key = keyOf(facts, [])
  ledger.publish({ key: key.digest, kin: key.digest, preimage: key.preimage, result: text, layers: [], duration: 0, trees: [] })
}

/** What `keepNote` remembered. */
export function findNote({ ledger }: RemoteWork, facts: Canonical): string | undefined {
  const digest: Digest = keyOf(facts, []).digest
  return ledger.find(digest)
}
