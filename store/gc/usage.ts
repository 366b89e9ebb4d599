import { existsSync, lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Native } from '../../native/types.ts'
import type { Connection } from '../database.ts'
import type { Layout } from '../layout.ts'

/** Allocated bytes below the store's root, by what they are for. */
export interface Usage {
  readonly layers: number
  readonly caches: number
  readonly blobs: number
  readonly trees: number
  readonly contexts: number
  /** What running processes are at. */
  readonly work: number
  readonly database: number
  readonly history: number
  /** Directories, and whatever else lies there. */
  readonly other: number
  readonly total: number
}

/** What a usage is taken of. */
export interface Measurable {
  readonly connection: Connection
  readonly layout: Layout
  readonly native: Pick<Native, 'measure'>
}

/**
 * Measures the store. Layers never change, so each is measured once in its life, and a cache after it was used; the rest is looked at
 * anew. Builds write while this runs: what they add or take away meanwhile may be in it or not.
 */
export async function measureUsage({ connection, layout, native }: Measurable): Promise<Usage> {
  await noteSizes({ connection, layout, native })
  const known = new Set([layout.layers, layout.caches, layout.oci, layout.trees, layout.contexts, layout.history, layout.work])
  const further = readdirSync(layout.root).map((name) => join(layout.root, name))
  const isDatabase = (path: string): boolean => path.startsWith(layout.database)
  const rest = further.filter((path) => !known.has(path))
  const ordered = [layout.oci, layout.trees, layout.contexts, layout.history, layout.work, ...rest]
  const measured = (await native.measure(ordered)).map(({ bytes }) => bytes)
  const [blobs = 0, trees = 0, contexts = 0, history = 0, work = 0, ...others] = measured
  const layers = sumOf(connection, 'layers')
  const caches = sumOf(connection, 'caches')
  const database = others.reduce((sum, bytes, index) => (isDatabase(rest[index] ?? '') ? sum + bytes : sum), 0)
  const other =
    others.reduce((sum, bytes) => sum + bytes, 0) -
    database +
    [layout.root, layout.layers, layout.caches].reduce((sum, path) => sum + ownBytes(path), 0)
  const total = layers + caches + blobs + trees + contexts + history + work + database + other
  return { layers, caches, blobs, trees, contexts, history, work, database, other, total }
}

/** Measures the layers and caches whose size is not known, which an inventory reads from their rows. */
export async function noteSizes(parts: Measurable): Promise<void> {
  await noteLayers(parts)
  await noteCaches(parts)
}

async function noteLayers({ connection, layout, native }: Measurable): Promise<void> {
  const rows = connection.prepare<[], { id: string }>('SELECT id FROM layers WHERE disk IS NULL').all()
  const found = rows.map(({ id }) => ({ id, path: join(layout.layers, id) })).filter(({ path }) => existsSync(join(path, 'diff')))
  await note({ connection, native }, 'UPDATE layers SET disk = ? WHERE id = ?', found)
}

/** One that is in use grows: its figure is of now. */
async function noteCaches({ connection, layout, native }: Measurable): Promise<void> {
  const rows = connection
    .prepare<[], { id: string }>('SELECT id FROM caches WHERE disk IS NULL OR id IN (SELECT cache FROM cache_uses)')
    .all()
  const found = rows.map(({ id }) => ({ id, path: join(layout.caches, id) }))
  await note({ connection, native }, 'UPDATE caches SET disk = ? WHERE id = ?', found)
}

async function note(
  { connection, native }: Pick<Measurable, 'connection' | 'native'>,
  update: string,
  found: readonly { readonly id: string; readonly path: string }[],
): Promise<void> {
  if (found.length === 0) return
  const measured = await native.measure(found.map(({ path }) => path))
  connection
    .transaction(() => {
      const statement = connection.prepare(update)
      for (const [index, { id }] of found.entries()) statement.run(measured[index]?.bytes ?? 0, id)
    })
    .immediate()
}

function sumOf(connection: Connection, table: 'layers' | 'caches'): number {
  return connection.prepare<[], { sum: number }>(`SELECT coalesce(sum(disk), 0) AS sum FROM ${table}`).get()?.sum ?? 0
}

/** Of a directory alone. */
function ownBytes(path: string): number {
  return (lstatSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * 512
}
