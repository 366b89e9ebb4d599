import type { Digest } from '../core/digest.ts'
import type { Effects } from '../core/effects.ts'
import type { Connection } from './database.ts'

/** What of an earlier boot may be damaged. */
export interface Suspects {
  readonly layers: readonly SuspectLayer[]
  readonly blobs: readonly Digest[]
  /** Milliseconds since 1970: what was written before is on the disk. */
  readonly synced: number
}

export interface SuspectLayer {
  readonly id: string
  readonly delta: Digest
  /** Of a tar that we have packed of it, and that packs again to the same bytes. */
  readonly packed?: Digest
}

/** Where a settling begins: what was noted up to here is on the disk once a sync that starts now has ended. */
export interface SyncPoint {
  readonly number: number
  readonly time: number
}

/** The kernel writes back what is dirty for 30 s and looks every 5 s: from then on a sync finds little to do. */
const WRITTEN_BACK_MS = 60_000

/**
 * Nothing is synced while somebody waits: a killed process loses nothing that it wrote, only a machine that goes down does.
 * What was written in a boot is therefore believed in that boot. What is not known to have reached the disk is noted here
 * with its boot, and `recover` verifies it before anything of a later boot believes it.
 */
export class Unsynced {
  readonly #connection: Connection
  readonly #effects: Pick<Effects, 'now'>
  readonly #boot: string

  constructor(connection: Connection, effects: Pick<Effects, 'now'>, boot: string) {
    this.#connection = connection
    this.#effects = effects
    this.#boot = boot
  }

  /** Notes a layer, in the transaction that publishes it, or a blob, before it gets its name. */
  note(kind: 'layer' | 'blob', id: string): void {
    this.#connection
      .prepare('INSERT INTO unsynced (boot, kind, id, created) VALUES (?, ?, ?, ?)')
      .run(this.#boot, kind, id, this.#effects.now())
  }

  /** Whether a process of this boot has verified what earlier ones left. */
  isRecovered(): boolean {
    return this.#connection.prepare<[string], unknown>('SELECT 1 FROM boots WHERE boot = ?').get(this.#boot) !== undefined
  }

  /** What earlier boots left unsynced, as far as it is still there. */
  suspects(): Suspects {
    const layers = this.#connection
      .prepare<[string], { id: string; delta: Digest; diff_id: Digest | null; plain_size: number | null }>(
        `SELECT DISTINCT layers.id, delta, diff_id, plain_size FROM unsynced JOIN layers ON layers.id = unsynced.id
         WHERE boot <> ? AND kind = 'layer' AND lease IS NULL`,
      )
      .all(this.#boot)
    const blobs = this.#connection
      .prepare<[string], { id: Digest }>("SELECT DISTINCT id FROM unsynced WHERE boot <> ? AND kind = 'blob'")
      .all(this.#boot)
    const row = this.#connection.prepare<[], { synced: number }>('SELECT min(synced) AS synced FROM boots').get()
    return {
      // The diffID of a base's layer is that of its own tar, which we cannot make: it has no size of ours.
      layers: layers.map(({ id, delta, diff_id, plain_size }) => ({
        id,
        delta,
        ...(diff_id === null || plain_size === null ? {} : { packed: diff_id }),
      })),
      blobs: blobs.map(({ id }) => id),
      synced: row?.synced ?? 0,
    }
  }

  /** From now on this boot believes the store. What was written before `synced` is on the disk. */
  setRecovered(synced: number): void {
    this.#connection.transaction(() => {
      this.#connection.prepare('DELETE FROM unsynced WHERE boot <> ?').run(this.#boot)
      this.#connection.prepare('DELETE FROM boots').run()
      this.#connection.prepare('INSERT INTO boots (boot, synced) VALUES (?, ?)').run(this.#boot, Math.floor(synced))
    })()
  }

  /** Where to settle up to, when there is something that a sync would find written back already. */
  due(): SyncPoint | undefined {
    const time = this.#effects.now()
    const old = this.#connection
      .prepare<[string, number], unknown>('SELECT 1 FROM unsynced WHERE boot = ? AND created < ? LIMIT 1')
      .get(this.#boot, time - WRITTEN_BACK_MS)
    if (old === undefined) return undefined
    const last = this.#connection.prepare<[], { number: number }>('SELECT max(number) AS number FROM unsynced').get()
    return { number: last?.number ?? 0, time }
  }

  /** A sync that began at this point has ended. */
  settle(point: SyncPoint): void {
    this.#connection.transaction(() => {
      this.#connection.prepare('DELETE FROM unsynced WHERE boot = ? AND number <= ?').run(this.#boot, point.number)
      this.#connection.prepare('UPDATE boots SET synced = max(synced, ?) WHERE boot = ?').run(point.time, this.#boot)
    })()
  }
}
