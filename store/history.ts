import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Digest } from '../core/digest.ts'
import type { Connection } from './database.ts'
import type { Layout } from './layout.ts'

/** What is kept of one build. What it says is its writer's own text; the store only finds it again. */
export interface StoredBuild {
  readonly id: string
  /** Digest of what makes two builds the same project. */
  readonly project: Digest
  /** The same with what makes them give the same kind of result: target, platform. */
  readonly variant: Digest
  /** Milliseconds since 1970. */
  readonly started: number
  readonly ended: number
  readonly status: BuildStatus
  /** Digest of its list of steps; absent when it did not come so far. */
  readonly steps?: Digest
  readonly about: string
  /** Its events, where they are few; the others stand in a file. */
  readonly events?: string
}

export type BuildStatus = 'completed' | 'error' | 'canceled'

/** What a new build brings with it. */
export interface BuildFiles {
  /** The list of steps, stored once for all builds that have it. */
  readonly steps?: string
  /** A finished file of events, in the work directory of this process; it moves into the history. */
  readonly events?: string
}

interface Row extends Omit<StoredBuild, 'steps' | 'events'> {
  readonly steps: Digest | null
  readonly events: string | null
}

/** Builds that were made, the last one first. */
export class History {
  readonly #connection: Connection
  readonly #layout: Layout

  constructor(connection: Connection, layout: Layout) {
    this.#connection = connection
    this.#layout = layout
  }

  /** Adds a build: its row and its file appear together, or a later sweep takes the file away. @returns its number */
  add(build: StoredBuild, files: BuildFiles): number {
    if (files.events !== undefined) mkdirSync(this.#layout.history, { recursive: true, mode: 0o700 })
    return this.#connection
      .transaction(() => {
        if (build.steps !== undefined && files.steps !== undefined) {
          this.#connection.prepare('INSERT OR IGNORE INTO step_lists (digest, steps) VALUES (?, ?)').run(build.steps, files.steps)
        }
        const { lastInsertRowid } = this.#connection
          .prepare(
            `INSERT INTO builds (id, project, variant, started, ended, status, steps, about, events)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          )
          .run(
            build.id,
            build.project,
            build.variant,
            build.started,
            build.ended,
            build.status,
            build.steps ?? null,
            build.about,
            build.events ?? null,
          )
        if (files.events !== undefined) renameSync(files.events, this.eventsFile(build.id))
        return Number(lastInsertRowid)
      })
      .immediate()
  }

  /** All builds, the last one first, without their events. */
  list(): readonly StoredBuild[] {
    return this.#connection.prepare<[], Row>(`SELECT ${COLUMNS}, NULL AS events FROM builds ORDER BY number DESC`).all().map(fromRow)
  }

  /** At most two builds whose id begins with `prefix`. */
  withPrefix(prefix: string): readonly StoredBuild[] {
    if (!/^[0-9a-z]+$/.test(prefix)) return []
    return this.#connection
      .prepare<[string], Row>(`SELECT ${COLUMNS}, events FROM builds WHERE id GLOB ? || '*' ORDER BY number DESC LIMIT 2`)
      .all(prefix)
      .map(fromRow)
  }

  /** The build made last, or so many before it. */
  latest(back: number): StoredBuild | undefined {
    const row = this.#connection
      .prepare<[number], Row>(`SELECT ${COLUMNS}, events FROM builds ORDER BY number DESC LIMIT 1 OFFSET ?`)
      .get(back)
    return row === undefined ? undefined : fromRow(row)
  }

  /** Lists of steps of the last build of this variant, and of the last one of the project whatever it was for. */
  earlier(project: Digest, variant: Digest): readonly string[] {
    const steps = (column: 'project' | 'variant', value: Digest): string | undefined =>
      this.#connection
        .prepare<[string], { steps: string }>(
          `SELECT step_lists.steps FROM builds JOIN step_lists ON step_lists.digest = builds.steps
           WHERE builds.${column} = ? ORDER BY number DESC LIMIT 1`,
        )
        .get(value)?.steps
    const found = [steps('variant', variant), steps('project', project)].filter((list) => list !== undefined)
    return [...new Set(found)]
  }

  /** A list of steps. */
  steps(digest: Digest): string | undefined {
    return this.#connection.prepare<[string], { steps: string }>('SELECT steps FROM step_lists WHERE digest = ?').get(digest)?.steps
  }

  /** Where the events of a build stand that has too many for its row. */
  eventsFile(id: string): string {
    return join(this.#layout.history, `${id}.jsonl.gz`)
  }

  /** Forgets builds, and the files that only they have. */
  remove(ids: readonly string[]): void {
    if (ids.length === 0) return
    this.#connection
      .transaction(() => {
        for (const id of ids) this.#connection.prepare('DELETE FROM builds WHERE id = ?').run(id)
        this.#connection.prepare('DELETE FROM step_lists WHERE digest NOT IN (SELECT steps FROM builds WHERE steps IS NOT NULL)').run()
      })
      .immediate()
    for (const id of ids) rmSync(this.eventsFile(id), { force: true })
  }

  /** Forgets what is older than `before` (milliseconds since 1970) and all but the last `builds`. */
  prune({ builds, before }: HistoryLimits): void {
    const surplus = this.#connection
      .prepare<[number, number], { id: string }>(
        `SELECT id FROM builds WHERE ended < ? OR number <=
           (SELECT number FROM builds ORDER BY number DESC LIMIT 1 OFFSET ?)`,
      )
      .all(before, builds)
    this.remove(surplus.map(({ id }) => id))
  }

  /** Files that no build has: a process was killed while it added one. To be believed inside a write transaction only. */
  strays(): readonly string[] {
    if (!existsSync(this.#layout.history)) return []
    const known = this.#connection.prepare<[string], { id: string }>('SELECT id FROM builds WHERE id = ?')
    return readdirSync(this.#layout.history)
      .filter((name) => known.get(name.replace(/\..*$/, '')) === undefined)
      .map((name) => join(this.#layout.history, name))
  }
}

/** How much is kept. */
export interface HistoryLimits {
  readonly builds: number
  readonly before: number
}

const COLUMNS = 'id, project, variant, started, ended, status, steps, about'

function fromRow({ steps, events, ...row }: Row): StoredBuild {
  return { ...row, ...(steps === null ? {} : { steps }), ...(events === null ? {} : { events }) }
}
