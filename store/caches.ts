import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Digest } from '../core/digest.ts'
import type { Effects } from '../core/effects.ts'
import type { CacheSharing } from '../core/mount.ts'
import type { Connection } from './database.ts'
import type { Layout } from './layout.ts'
import type { Leases } from './leases.ts'

/** Which cache a step wants. */
export interface CacheRequest {
  /** Of all that makes it this cache: its name, and what it begins with. */
  readonly identity: Digest
  readonly name: string
  readonly sharing: CacheSharing
}

/** A step's right to a cache. It ends with the process. */
export interface CacheUse {
  readonly id: string
  readonly cache: string
  /** Of the cache. Not there yet when `isNew`: whoever got it makes it, and then calls `publish`. */
  readonly directory: string
  readonly isNew: boolean
}

interface CacheRow {
  readonly id: string
  readonly lease: string | null
}

interface UseRow {
  readonly id: string
  readonly lease: string
  readonly exclusive: number
}

/** What cache mounts keep: directories, and who uses them. Processes share them through the database alone. */
export class Caches {
  readonly #connection: Connection
  readonly #layout: Layout
  readonly #leases: Leases
  readonly #effects: Effects

  constructor(connection: Connection, layout: Layout, leases: Leases, effects: Effects) {
    this.#connection = connection
    this.#layout = layout
    this.#leases = leases
    this.#effects = effects
  }

  /**
   * Takes a cache in use, if one can be had now. `shared` is used side by side with others that share; `private` and `locked` want
   * it alone. Where none is free `private` gets a new one, and so does `shared` among those who want theirs alone, as with BuildKit;
   * `locked` has to wait, and so has who shares one that is being made.
   */
  acquire({ identity, name, sharing }: CacheRequest): CacheUse | 'busy' {
    const lease = this.#leases.own().id
    return this.#connection
      .transaction(() => {
        const rows = this.#rows(identity)
        const whole = rows.filter((row) => row.lease === null).map((row) => ({ row, uses: this.#uses(row.id) }))
        const free = whole.find(({ uses }) => uses.length === 0)
        const common = whole.find(({ uses }) => uses.length > 0 && uses.every((use) => use.exclusive === 0))
        const found = sharing === 'shared' ? (common ?? free) : free
        if (found !== undefined) return this.#use(found.row.id, lease, sharing, false)
        const isAwaited = sharing === 'locked' ? rows.length > 0 : sharing === 'shared' && rows.length > whole.length
        if (isAwaited) return 'busy'
        const id = this.#effects.randomId()
        const now = this.#effects.now()
        this.#connection
          .prepare('INSERT INTO caches (id, identity, name, lease, created, used) VALUES (?, ?, ?, ?, ?, ?)')
          .run(id, identity, name, lease, now, now)
        return this.#use(id, lease, sharing, true)
      })
      .immediate()
  }

  /** The new cache's directory is whole: others may use it. */
  publish({ cache }: CacheUse): void {
    this.#connection.prepare('UPDATE caches SET lease = NULL WHERE id = ?').run(cache)
  }

  /** Ends a use. @returns whether the cache is nobody's any more: never made, or pruned meanwhile. Its directory may go. */
  release({ id, cache }: CacheUse): boolean {
    return this.#connection
      .transaction(() => {
        this.#connection.prepare('DELETE FROM cache_uses WHERE id = ?').run(id)
        this.#connection.prepare('UPDATE caches SET used = ?, disk = NULL WHERE id = ?').run(this.#effects.now(), cache)
        if (this.#uses(cache).length > 0) return false
        const { changes } = this.#connection
          .prepare('DELETE FROM caches WHERE id = ? AND (identity IS NULL OR lease IS NOT NULL)')
          .run(cache)
        return changes === 1
      })
      .immediate()
  }

  /**
   * Forgets the caches of these names, whatever they began with. Those in use live on for who uses them.
   * @returns the directories that may go
   */
  prune(names: readonly string[]): readonly string[] {
    return this.#connection
      .transaction(() => {
        const find = this.#connection.prepare<[string], CacheRow>('SELECT id, lease FROM caches WHERE name = ?')
        return names
          .flatMap((name) => find.all(name))
          .filter(({ id, lease }) => {
            const isUsed = this.#uses(id).length > 0 || (lease !== null && this.#leases.alive(lease))
            this.#connection.prepare(isUsed ? 'UPDATE caches SET identity = NULL WHERE id = ?' : 'DELETE FROM caches WHERE id = ?').run(id)
            return !isUsed
          })
          .map(({ id }) => join(this.#layout.caches, id))
      })
      .immediate()
  }

  /** Directories that no row names. Call inside the transaction that moves them away. */
  strays(): readonly string[] {
    const directories = existsSync(this.#layout.caches) ? readdirSync(this.#layout.caches) : []
    const known = this.#connection.prepare<[string], { id: string }>('SELECT id FROM caches WHERE id = ?')
    return directories.filter((id) => known.get(id) === undefined).map((id) => join(this.#layout.caches, id))
  }

  /** Caches that dead processes have not finished, or used as the last ones after they were pruned. */
  abandoned(dead: readonly string[]): readonly string[] {
    const rows = this.#connection
      .prepare<[], CacheRow>('SELECT id, lease FROM caches WHERE lease IS NOT NULL OR identity IS NULL')
      .all()
      .filter(({ id, lease }) => (lease === null || dead.includes(lease)) && this.#uses(id).every((use) => dead.includes(use.lease)))
    return rows.map(({ id }) => id)
  }

  /** Finished caches whose directory somebody has removed. */
  lost(): readonly string[] {
    const rows = this.#connection.prepare<[], CacheRow>('SELECT id, lease FROM caches WHERE lease IS NULL AND identity IS NOT NULL').all()
    return rows.filter(({ id }) => !existsSync(join(this.#layout.caches, id)) && this.#uses(id).length === 0).map(({ id }) => id)
  }

  /** Whether a process that lives has it mounted, or makes it. */
  isUsed(id: string): boolean {
    if (this.#uses(id).length > 0) return true
    const row = this.#connection.prepare<[string], CacheRow>('SELECT id, lease FROM caches WHERE id = ?').get(id)
    return typeof row?.lease === 'string' && this.#leases.alive(row.lease)
  }

  /** Forgets a cache whose directory is gone. */
  remove(id: string): void {
    this.#connection.prepare('DELETE FROM caches WHERE id = ?').run(id)
  }

  /** Those that are there, or are being made by somebody who lives. */
  #rows(identity: Digest): readonly CacheRow[] {
    return this.#connection
      .prepare<[string], CacheRow>('SELECT id, lease FROM caches WHERE identity = ? ORDER BY created, id')
      .all(identity)
      .filter(({ id, lease }) => {
        if (lease !== null) return this.#leases.alive(lease)
        if (existsSync(join(this.#layout.caches, id))) return true
        // A machine that went down has lost it, or somebody has removed it by hand.
        this.remove(id)
        return false
      })
  }

  /** By processes that live. */
  #uses(cache: string): readonly UseRow[] {
    return this.#connection
      .prepare<[string], UseRow>('SELECT id, lease, exclusive FROM cache_uses WHERE cache = ?')
      .all(cache)
      .filter(({ lease }) => this.#leases.alive(lease))
  }

  #use(cache: string, lease: string, sharing: CacheSharing, isNew: boolean): CacheUse {
    const id = this.#effects.randomId()
    const isExclusive = sharing === 'shared' ? 0 : 1
    this.#connection.prepare('INSERT INTO cache_uses VALUES (?, ?, ?, ?)').run(id, cache, lease, isExclusive)
    return { id, cache, directory: join(this.#layout.caches, cache), isNew }
  }
}
