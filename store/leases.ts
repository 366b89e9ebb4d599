import { mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Effects } from '../core/effects.ts'
import type { Connection } from './database.ts'
import type { Layout } from './layout.ts'

/** A process's right to keep unfinished things in the store. It ends with the process, however that ends. */
export interface Lease {
  readonly id: string
  /** Directory for everything unfinished; the next process removes what a dead one left in it. */
  readonly directory: string
}

interface LeaseRow {
  readonly id: string
  readonly pid: number
  readonly start_time: string
  readonly boot: string
  readonly pid_namespace: string
  readonly heartbeat: number
}

const HEARTBEAT_MS = 5_000
const STALE_MS = 30_000

export class Leases {
  readonly #connection: Connection
  readonly #layout: Layout
  readonly #effects: Effects
  readonly #boot: string
  #own: Lease | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(connection: Connection, layout: Layout, effects: Effects, boot: string) {
    this.#connection = connection
    this.#layout = layout
    this.#effects = effects
    this.#boot = boot
  }

  /** This process's lease, made when first asked for: a build that finds everything cached needs none. */
  own(): Lease {
    this.#own ??= this.#acquire()
    return this.#own
  }

  /** This process's lease if it has one already. */
  get held(): Lease | undefined {
    return this.#own
  }

  /** Whether the process behind the lease still lives. */
  alive(id: string): boolean {
    const row = this.#connection.prepare<[string], LeaseRow>('SELECT * FROM leases WHERE id = ?').get(id)
    return row !== undefined && this.#lives(row)
  }

  /** Ends this process's lease. Its directory must be empty or gone by then. */
  release(): void {
    if (this.#own === undefined) return
    clearInterval(this.#timer)
    this.#connection.prepare('DELETE FROM leases WHERE id = ?').run(this.#own.id)
    this.#own = undefined
  }

  /** Ids that are not held by a living process: dead rows, and what names a lease that has no row. */
  dead(): readonly string[] {
    const directories = readdirSync(this.#layout.work)
    const rows = this.#connection.prepare<[], LeaseRow>('SELECT * FROM leases').all()
    const known = new Set(rows.map((row) => row.id))
    const orphans = new Set([...directories, ...this.#named()].filter((id) => !known.has(id)))
    return [...rows.filter((row) => !this.#lives(row)).map((row) => row.id), ...orphans]
  }

  /** Whether anybody uses the store who could be in the middle of a change. */
  anyLives(): boolean {
    return this.living().length > 0
  }

  /** Ids of leases whose processes live. */
  living(): readonly string[] {
    const rows = this.#connection.prepare<[], LeaseRow>('SELECT * FROM leases').all()
    return rows.filter((row) => this.#lives(row)).map((row) => row.id)
  }

  /** Drops the rows of dead leases, and with them their claims, their pins and their uses of caches. */
  forget(ids: readonly string[]): void {
    this.#connection.transaction(() => {
      for (const id of ids) {
        this.#connection.prepare('DELETE FROM claims WHERE lease = ?').run(id)
        this.#connection.prepare('DELETE FROM cache_uses WHERE lease = ?').run(id)
        this.#connection.prepare('DELETE FROM pins WHERE lease = ?').run(id)
        this.#connection.prepare('DELETE FROM leases WHERE id = ?').run(id)
      }
    })()
  }

  /** Leases that something in the database is under. */
  #named(): readonly string[] {
    const tables = ['claims', 'cache_uses', 'pins', 'layers', 'caches']
    const query = tables.map((table) => `SELECT lease FROM ${table} WHERE lease IS NOT NULL`).join(' UNION ')
    return this.#connection.prepare<[], string>(query).pluck().all() as string[]
  }

  #acquire(): Lease {
    const id = this.#effects.randomId()
    const directory = join(this.#layout.work, id)
    this.#connection
      .prepare('INSERT INTO leases VALUES (?, ?, ?, ?, ?, ?)')
      .run(id, process.pid, startTime(process.pid) ?? '', this.#boot, pidNamespace(), this.#effects.now())
    mkdirSync(directory)
    this.#timer = setInterval(() => this.#beat(id), HEARTBEAT_MS).unref()
    return { id, directory }
  }

  #beat(id: string): void {
    try {
      this.#connection.prepare('UPDATE leases SET heartbeat = ? WHERE id = ?').run(this.#effects.now(), id)
    } catch {
      // A full disk, a database busy for too long: the build meets it by itself, where somebody can catch it. A timer's error would end the process.
    }
  }

  /** By process where we can see it; by heartbeat where it lives in another pid namespace (a container sharing the store). */
  #lives(row: LeaseRow): boolean {
    if (row.boot !== this.#boot) return false
    if (row.pid_namespace === pidNamespace()) return startTime(row.pid) === row.start_time
    return this.#effects.now() - row.heartbeat < STALE_MS
  }
}

function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // proc_pid_stat(5): field 22, counted after the command name, which may itself hold spaces and brackets.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}

function pidNamespace(): string {
  return readlinkSync('/proc/self/ns/pid')
}
