import type { Digest } from '../core/digest.ts'

/** What the solver needs of the store: earlier results, and one execution per key across processes. */
export interface Ledger {
  /** Stored text of a key's result. */
  find(key: Digest): string | undefined
  /** Stored text of the latest result of the same step (`Driver.kin`) that made the same change. */
  findByDelta(kin: Digest, delta: Digest): string | undefined
  /** Stored texts of the latest results that the same step had on the same root (the first of `Driver.trees`), the newest first. */
  findByRoot(kin: Digest, root: Digest): readonly string[]
  /** Milliseconds that the same step took when it was last executed. */
  lastDuration(kin: Digest): number | undefined
  /** Drops the record with this text, whose result is gone; not another one that somebody has put there since. */
  remove(key: Digest, result: string): void
  /** False while another living process executes the key. */
  claim(key: Digest): boolean
  /** Whether somebody who lives has the key: what `claim` would find, without taking it. */
  isClaimed(key: Digest): boolean
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
