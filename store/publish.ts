import type { Digest } from '../core/digest.ts'
import type { Connection } from './database.ts'
import type { LayerId, Layers } from './layers.ts'
import type { Records, StoredRecord } from './records.ts'

/** A finished result: layers that must be durable before anybody may rely on them, and the record that names them. */
export interface Publication {
  readonly layers: readonly LayerId[]
  readonly record: StoredRecord
  /** The claim to give back in the same transaction. */
  readonly claim: Digest
}

/**
 * Makes results durable and visible, many at a time: whatever is handed in while one sync runs shares the next.
 * The build does not wait for it between steps; `flush` at its end does.
 */
export class Publisher {
  readonly #connection: Connection
  readonly #layers: Layers
  readonly #records: Records
  readonly #sync: () => Promise<void>
  #pending: Publication[] = []
  #running: Promise<void> | undefined
  #failure: unknown

  constructor(connection: Connection, layers: Layers, records: Records, sync: () => Promise<void>) {
    this.#connection = connection
    this.#layers = layers
    this.#records = records
    this.#sync = sync
  }

  /** Hands a result in. Failures surface in `flush`. */
  add(publication: Publication): void {
    this.#pending.push(publication)
    // Begun in a later turn: a drain that ended within this call would be kept as one that still runs.
    this.#running ??= Promise.resolve().then(() => this.#drain())
  }

  /** Waits until all that was handed in is durable. @throws what the sync or the database threw */
  async flush(): Promise<void> {
    while (this.#running !== undefined) await this.#running
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure
  }

  async #drain(): Promise<void> {
    try {
      while (this.#pending.length > 0) {
        const batch = this.#pending
        this.#pending = []
        // Rows may reach the disk before the data they name, so the data goes first.
        if (batch.some((publication) => publication.layers.length > 0)) await this.#sync()
        this.#commit(batch)
      }
    } catch (error) {
      this.#failure ??= error
      this.#pending = []
    }
    // In the same turn as the last look at what is pending: whatever is added from here on begins a new drain.
    this.#running = undefined
  }

  #commit(batch: readonly Publication[]): void {
    this.#connection.transaction(() => {
      for (const publication of batch) {
        this.#layers.publish(publication.layers)
        this.#records.put(publication.record)
        this.#records.release(publication.claim)
      }
    })()
  }
}
