import type { Digest } from '../core/digest.ts'
import type { Connection } from './database.ts'
import type { Leases } from './leases.ts'

/** What a key led to once. */
export interface StoredRecord {
  readonly key: Digest
  /** Digest of what makes two executions the same step. */
  readonly kin: Digest
  /** The canonical text whose digest the key is: what a later miss is explained with. */
  readonly preimage: string
  /** The driver's own encoding. */
  readonly result: string
  /** Delta of the layer that the result adds, if it adds one. */
  readonly delta?: Digest
  /** Whole content of each input: what a later miss is explained with. */
  readonly trees: readonly Digest[]
  /** Milliseconds since 1970. */
  readonly created: number
  /** Milliseconds of the execution. */
  readonly duration: number
}

/** A step with more outputs on one root than these has no output that could be called the usual one. */
const COMPARED_RESULTS = 16

/** How coarse the time of the last use is. */
const USE_STEP_MS = 10 * 60_000

/** Records by key, and the claims that let one process at a time execute a key. */
export class Records {
  readonly #connection: Connection
  readonly #leases: Leases

  constructor(connection: Connection, leases: Leases) {
    this.#connection = connection
    this.#leases = leases
  }

  /** The driver's encoding of an earlier result. */
  find(key: Digest): string | undefined {
    return this.#connection.prepare<[string], { result: string }>('SELECT result FROM records WHERE key = ?').get(key)?.result
  }

  /** What a record was made of. */
  origin(key: Digest): Pick<StoredRecord, 'preimage' | 'trees'> | undefined {
    const row = this.#connection
      .prepare<[string], { preimage: string; trees: string }>('SELECT preimage, trees FROM records WHERE key = ?')
      .get(key)
    return row === undefined ? undefined : { preimage: row.preimage, trees: JSON.parse(row.trees) as Digest[] }
  }

  /** The latest result of the same step that made the same change, whatever it was made on. */
  findByDelta(kin: Digest, delta: Digest): string | undefined {
    return this.#connection
      .prepare<[string, string], { result: string }>('SELECT result FROM records WHERE kin = ? AND delta = ? ORDER BY created DESC LIMIT 1')
      .get(kin, delta)?.result
  }

  /** The latest results that the same step had on a root of this tree, each once, the newest first. */
  findByRoot(kin: Digest, root: Digest): readonly string[] {
    return this.#connection
      .prepare<[string, string, number], { result: string }>(
        `SELECT result, max(created) AS latest FROM records WHERE kin = ? AND json_extract(trees, '$[0]') = ?
         GROUP BY result ORDER BY latest DESC LIMIT ?`,
      )
      .all(kin, root, COMPARED_RESULTS)
      .map(({ result }) => result)
  }

  /** Milliseconds of the same step's latest execution. */
  lastDuration(kin: Digest): number | undefined {
    return this.#connection
      .prepare<[string], { duration: number }>('SELECT duration FROM records WHERE kin = ? ORDER BY created DESC LIMIT 1')
      .get(kin)?.duration
  }

  /** Writes a record, replacing an older one of its key. Call inside the transaction that publishes its layers. */
  put(record: StoredRecord): void {
    this.#connection
      .prepare(
        'INSERT OR REPLACE INTO records (key, kin, preimage, result, delta, created, duration, trees, used) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
      )
      .run(
        record.key,
        record.kin,
        record.preimage,
        record.result,
        record.delta ?? null,
        record.created,
        record.duration,
        JSON.stringify(record.trees),
        record.created,
      )
  }

  /** Notes that records are in use at `time`. Those noted in the last minutes are left as they are: mostly nothing is written. */
  touch(keys: readonly Digest[], time: number): void {
    const stale = this.#connection
      .prepare<[string, number], { key: string }>('SELECT key FROM records WHERE key IN (SELECT value FROM json_each(?)) AND used < ?')
      .all(JSON.stringify(keys), time - USE_STEP_MS)
    if (stale.length === 0) return
    const list = JSON.stringify(stale.map(({ key }) => key))
    this.#connection.prepare('UPDATE records SET used = ? WHERE key IN (SELECT value FROM json_each(?))').run(time, list)
  }

  /** Forgets the record with this result, which is gone; a newer one of the key stays. */
  remove(key: Digest, result: string): void {
    this.#connection.prepare('DELETE FROM records WHERE key = ? AND result = ?').run(key, result)
  }

  /** Claims a key for this process; false while a living process holds it. A dead one's claim is taken over. */
  claim(key: Digest): boolean {
    const own = this.#leases.own().id
    return this.#connection
      .transaction(() => {
        if (this.isClaimed(key)) return false
        this.#connection.prepare('INSERT OR REPLACE INTO claims (key, lease) VALUES (?, ?)').run(key, own)
        return true
      })
      .immediate()
  }

  /** Whether another living process has claimed a key. Writes nothing, so asking often costs nobody anything. */
  isClaimed(key: Digest): boolean {
    const holder = this.#connection.prepare<[string], { lease: string }>('SELECT lease FROM claims WHERE key = ?').get(key)?.lease
    return holder !== undefined && holder !== this.#leases.held?.id && this.#leases.alive(holder)
  }

  /** Gives a claim back: the result is recorded, or the execution failed. */
  release(key: Digest): void {
    this.#connection.prepare('DELETE FROM claims WHERE key = ? AND lease = ?').run(key, this.#leases.own().id)
  }
}
