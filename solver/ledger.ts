import type { Digest } from '../core/digest.ts'

/** What the solver needs of the store: earlier results, and one execution per key across processes. */
export interface Ledger {
  /** Stored text of a key's result. */
  find(key: Digest): string | undefined
  /** Stored text of the latest result of the same step (`Driver.kin`) that made the same change. */
  findByDelta(kin: Digest, delta: Digest): string | undefined
  /** Drops a record whose result is gone. */
  remove(key: Digest): void
  /** False while another living process executes the key. */
  claim(key: Digest): boolean
  release(key: Digest): void
  /** Records a result, makes its layers visible, releases the claim. */
  publish(entry: LedgerEntry): void
}

export interface LedgerEntry {
  readonly key: Digest
  /** Digest of `Driver.kin`. */
  readonly kin: Digest
  readonly preimage: string
  readonly result: string
  readonly delta?: Digest
  /** `Driver.trees` of its inputs. */
  readonly trees: readonly Digest[]
  readonly layers: readonly string[]
  readonly duration: number
}
