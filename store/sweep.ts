import { existsSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import type { Caches } from './caches.ts'
import type { Connection } from './database.ts'
import type { Layers } from './layers.ts'
import type { Layout } from './layout.ts'
import type { Leases } from './leases.ts'

/** What a sweep found: directories on their way out, and the leases that are no more. */
interface Found {
  readonly doomed: readonly string[]
  readonly dead: readonly string[]
  readonly abandoned: readonly string[]
  readonly abandonedCaches: readonly string[]
}

/** What a sweep looks at. */
export interface SweptParts {
  readonly layout: Layout
  readonly leases: Leases
  readonly layers: Layers
  readonly caches: Caches
}

/**
 * Removes what dead processes left: their work directories, layers they announced and never published, caches that they were
 * making, their claims.
 * Mounts need no sweep: they live in mount namespaces that end with the process.
 * Everything moves into this process's work directory in the transaction that forgets it, and is removed there at
 * leisure: a base image's layers have the same names in every process, so a removal by name could hit what another
 * process has put there since. A kill in the middle leaves either rows without files or files in a dead work directory.
 */
export async function sweep(connection: Connection, parts: SweptParts, remove: (paths: readonly string[]) => Promise<void>): Promise<void> {
  const { leases, layers, caches } = parts
  // Mostly there is nothing, and that is seen without the write lock.
  if (isEmpty(find(parts))) return
  const bin = leases.own().directory
  const moved = connection
    .transaction(() => {
      const { doomed, dead, abandoned, abandonedCaches } = find(parts)
      const targets = doomed.map((path, index) => moveAway(path, join(bin, `swept-${index}`)))
      for (const id of abandoned) layers.remove(id)
      for (const id of abandonedCaches) caches.remove(id)
      leases.forget(dead)
      return targets
    })
    .immediate()
  await remove(moved)
}

function find({ layout, leases, layers, caches }: SweptParts): Found {
  // Directories are listed before rows: a layer announced in between has a row by then and is left alone.
  const directories = readdirSync(layout.layers)
  const known = layers.ids()
  const stray = directories.filter((id) => !known.has(id))
  const strayCaches = caches.strays()
  const dead = leases.dead()
  const abandoned = dead.flatMap((lease) => layers.unpublished(lease))
  const abandonedCaches = caches.abandoned(dead)
  const doomed = [
    ...dead.map((lease) => join(layout.work, lease)),
    ...[...abandoned, ...stray].map((id) => join(layout.layers, id)),
    ...abandonedCaches.map((id) => join(layout.caches, id)),
    ...strayCaches,
    ...halfWritten(layout.trees),
    ...halfWritten(layout.contexts),
  ]
  return { doomed, dead, abandoned, abandonedCaches }
}

function isEmpty({ doomed, dead, abandoned, abandonedCaches }: Found): boolean {
  return doomed.length + dead.length + abandoned.length + abandonedCaches.length === 0
}

/** Indexes are written beside their final name; one whose process is gone was left by a kill. */
function halfWritten(directory: string): readonly string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.tmp') && !isAlive(/\.(\d+)-\d+\.tmp$/.exec(name)?.[1]))
    .map((name) => join(directory, name))
}

function isAlive(pid: string | undefined): boolean {
  return pid !== undefined && existsSync(`/proc/${pid}`)
}

/** Renames; what is absent already (a row came before its directory, a process died in between) needs no removal. @returns `target` */
export function moveAway(path: string, target: string): string {
  try {
    renameSync(path, target)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
  return target
}
