import type { Digest } from '../core/digest.ts'
import type { Compression } from '../core/media-types.ts'
import type { Packing } from '../core/packing.ts'
import type { Connection } from './database.ts'
import type { Unsynced } from './unsynced.ts'

/** An overlay layer's directory name: random for a built one, the chain's hex for a base image's. */
export type LayerId = string

/** What is known of an overlay layer on disk. */
export interface LayerRow {
  readonly id: LayerId
  readonly delta: Digest
  readonly entries: number
  /** Of file content. */
  readonly bytes: number
  /** Milliseconds since 1970. */
  readonly created: number
  readonly diffId?: Digest
  /** Of a base image's layer: what it makes together with the layers below it, which its id names. */
  readonly tree?: Digest
}

/** A packed form of a layer in the blob store. */
export interface LayerBlob {
  readonly digest: Digest
  readonly size: number
}

/** The blob that a layer came in, with an image. */
export interface OriginalBlob extends LayerBlob {
  readonly compression: Compression
}

/** In the place of a level: not packed here, or long ago. */
const ORIGINAL = -1

interface Row {
  readonly id: string
  readonly delta: string
  readonly entries: number
  readonly bytes: number
  readonly created: number
  readonly diff_id: string | null
  readonly tree: string | null
}

export class Layers {
  readonly #connection: Connection
  readonly #unsynced: Unsynced

  constructor(connection: Connection, unsynced: Unsynced) {
    this.#connection = connection
    this.#unsynced = unsynced
  }

  /**
   * Announces a layer before its directory exists, so that a kill leaves no directory without a row.
   * @returns false when the id is taken
   */
  announce(layer: LayerRow, lease: string): boolean {
    const { changes } = this.#connection
      .prepare('INSERT OR IGNORE INTO layers (id, lease, delta, entries, bytes, created, diff_id, tree) VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
      .run(layer.id, lease, layer.delta, layer.entries, layer.bytes, layer.created, layer.diffId ?? null, layer.tree ?? null)
    return changes === 1
  }

  /** Makes layers visible to everybody, pinned by the process whose they were, and notes that they are not synced. Call inside the transaction that records them. */
  publish(ids: readonly LayerId[]): void {
    this.#connection.transaction(() => {
      // Whoever made it goes on with it.
      const pin = this.#connection.prepare(
        "INSERT OR IGNORE INTO pins SELECT lease, 'layer', id FROM layers WHERE id = ? AND lease IS NOT NULL",
      )
      const statement = this.#connection.prepare('UPDATE layers SET lease = NULL WHERE id = ?')
      for (const id of ids) {
        pin.run(id)
        statement.run(id)
        this.#unsynced.note('layer', id)
      }
    })()
  }

  /** A published layer, or this process's own. */
  get(id: LayerId): LayerRow | undefined {
    const row = this.#connection.prepare<[string], Row>('SELECT * FROM layers WHERE id = ?').get(id)
    return row === undefined ? undefined : fromRow(row)
  }

  /** Whether every one of the layers may be built on: published, or this process's own. */
  usable(ids: readonly LayerId[], lease: string | undefined): boolean {
    const statement = this.#connection.prepare<[string, string]>('SELECT 1 FROM layers WHERE id = ? AND (lease IS NULL OR lease = ?)')
    return ids.every((id) => statement.get(id, lease ?? '') !== undefined)
  }

  /** All ids, published or not. */
  ids(): ReadonlySet<LayerId> {
    return new Set(
      this.#connection
        .prepare<[], { id: string }>('SELECT id FROM layers')
        .all()
        .map((row) => row.id),
    )
  }

  /** Ids of the layers that everybody sees. */
  published(): readonly LayerId[] {
    return this.#connection.prepare<[], string>('SELECT id FROM layers WHERE lease IS NULL').pluck().all() as string[]
  }

  /** Layers announced under a lease and never published. */
  unpublished(lease: string): readonly LayerId[] {
    return this.#connection
      .prepare<[string], { id: string }>('SELECT id FROM layers WHERE lease = ?')
      .all(lease)
      .map((row) => row.id)
  }

  /** Forgets a layer whose directory is gone. */
  remove(id: LayerId): void {
    this.#connection.prepare('DELETE FROM layers WHERE id = ?').run(id)
    this.#connection.prepare('DELETE FROM dated_layers WHERE layer = ?').run(id)
  }

  setTree(id: LayerId, tree: Digest): void {
    this.#connection.prepare('UPDATE layers SET tree = ? WHERE id = ?').run(tree, id)
  }

  setDiffId(id: LayerId, diffId: Digest, plainSize: number): void {
    this.#connection.prepare('UPDATE layers SET diff_id = ?, plain_size = ? WHERE id = ?').run(diffId, plainSize, id)
  }

  /** The diffID of a layer in which no file is later than `latest` (seconds since 1970), once it was computed. */
  datedDiffId(id: LayerId, latest: number): Digest | undefined {
    return this.#connection
      .prepare<[string, number], { diff_id: Digest }>('SELECT diff_id FROM dated_layers WHERE layer = ? AND latest = ?')
      .get(id, latest)?.diff_id
  }

  setDatedDiffId(id: LayerId, latest: number, diffId: Digest): void {
    this.#connection.prepare('INSERT OR REPLACE INTO dated_layers (layer, latest, diff_id) VALUES (?, ?, ?)').run(id, latest, diffId)
  }

  /** A tar packed here, if that was done before. Whether its blob is still there is the blobs' to say. */
  blob(diffId: Digest, { compression, level }: Packing): LayerBlob | undefined {
    return this.#connection
      .prepare<[string, string, number], LayerBlob>(
        'SELECT digest, size FROM layer_blobs WHERE diff_id = ? AND compression = ? AND level = ?',
      )
      .get(diffId, compression, level)
  }

  setBlob(diffId: Digest, { compression, level }: Packing, blob: LayerBlob): void {
    this.#connection
      .prepare('INSERT OR REPLACE INTO layer_blobs (diff_id, compression, level, digest, size) VALUES (?, ?, ?, ?, ?)')
      .run(diffId, compression, level, blob.digest, blob.size)
  }

  /** The blobs in which images brought a tar, whether they are still there or not. */
  originals(diffId: Digest): readonly OriginalBlob[] {
    return this.#connection
      .prepare<[string, number], OriginalBlob>(
        'SELECT compression, digest, size FROM layer_blobs WHERE diff_id = ? AND level = ? ORDER BY compression',
      )
      .all(diffId, ORIGINAL)
  }

  setOriginal(diffId: Digest, { compression, ...blob }: OriginalBlob): void {
    this.setBlob(diffId, { compression, level: ORIGINAL }, blob)
  }
}

function fromRow(row: Row): LayerRow {
  return {
    id: row.id,
    delta: row.delta as Digest,
    entries: row.entries,
    bytes: row.bytes,
    created: row.created,
    ...(row.diff_id === null ? {} : { diffId: row.diff_id as Digest }),
    ...(row.tree === null ? {} : { tree: row.tree as Digest }),
  }
}
