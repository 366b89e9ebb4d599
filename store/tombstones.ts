import type { Digest } from '../core/digest.ts'
import type { Connection } from './database.ts'

/** What is left of an evicted record. */
export interface Tombstone {
  readonly key: Digest
  readonly preimage: string
  readonly trees: readonly Digest[]
  /** Milliseconds since 1970. */
  readonly evicted: number
}

/** A tombstone is some kilobytes. */
const MOST_TOMBSTONES = 2_000
const MOST_AGE_MS = 30 * 24 * 60 * 60_000

/** How a record ended, for the day when somebody asks why its step runs again. */
export class Tombstones {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** Sets a record's tombstone. Call inside the transaction that removes the record. */
  put({ key, preimage, trees, evicted }: Tombstone): void {
    this.#connection
      .prepare('INSERT OR REPLACE INTO tombstones (key, preimage, trees, evicted) VALUES (?, ?, ?, ?)')
      .run(key, preimage, JSON.stringify(trees), evicted)
  }

  /** Forgets the oldest tombstones: of a step that was evicted long ago nobody asks any more. Call inside the transaction that sets some. */
  bound(now: number): void {
    this.#connection.prepare('DELETE FROM tombstones WHERE evicted < ?').run(now - MOST_AGE_MS)
    this.#connection
      .prepare('DELETE FROM tombstones WHERE key IN (SELECT key FROM tombstones ORDER BY evicted DESC, key LIMIT -1 OFFSET ?)')
      .run(MOST_TOMBSTONES)
  }

  find(key: Digest): Tombstone | undefined {
    const row = this.#connection
      .prepare<[string], { preimage: string; trees: string; evicted: number }>(
        'SELECT preimage, trees, evicted FROM tombstones WHERE key = ?',
      )
      .get(key)
    return row === undefined ? undefined : { key, ...row, trees: JSON.parse(row.trees) as Digest[] }
  }
}
