import type { Digest } from '../core/digest.ts'
import type { Connection } from './database.ts'
import type { LayerId, Layers } from './layers.ts'
import type { Records, StoredRecord } from './records.ts'

/** A finished result: the layers that it made, and the record that names them. */
export interface Publication {
  readonly layers: readonly LayerId[]
  readonly record: StoredRecord
  /** The claim to give back in the same transaction. */
  readonly claim: Digest
}

/** Makes results visible to everybody, each in one transaction. None waits for a disk: see `unsynced.ts`. */
export class Publisher {
  readonly #connection: Connection
  readonly #layers: Layers
  readonly #records: Records

  constructor(connection: Connection, layers: Layers, records: Records) {
    this.#connection = connection
    this.#layers = layers
    this.#records = records
  }

  /** Hands a result in. @throws what the database says, and then nothing of it is visible */
  add(publication: Publication): void {
    this.#connection
      .transaction(() => {
        this.#layers.publish(publication.layers)
        this.#records.put(publication.record)
        this.#records.release(publication.claim)
      })
      .immediate()
  }
}
