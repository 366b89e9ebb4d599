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

  find(key: Digest): Tombstone | undefined {
    const row = this.#connection
      .prepare<[string], { preimage: string; trees: string; evicted: number }>(
        'SELECT preimage, trees, evicted FROM tombstones WHERE key = ?',
      )
      .get(key)
    return row === undefined ? undefined : { key, ...row, trees: JSON.parse(row.trees) as Digest[] }
  }
}
