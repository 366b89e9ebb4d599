import { existsSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import type { Caches } from './caches.ts'
import type { Connection } from './database.ts'
import type { History } from './history.ts'
import type { Layers } from './layers.ts'
import type { Layout } from './layout.ts'
import type { Leases } from './leases.ts'
import { forgetLayers } from './recovery/forget.ts'
import { halfWritten } from './recovery/half-written.ts'

/** What a sweep found: directories on their way out, and the leases that are no more. */
interface Found {
  readonly doomed: readonly string[]
  readonly dead: readonly string[]
  readonly abandoned: readonly string[]
  readonly abandonedCaches: readonly string[]
  /** Layers that were published and whose directories somebody has removed. */
  readonly lost: readonly string[]
}

/** What a sweep looks at. */
export interface SweptParts {
  readonly layout: Layout
  readonly leases: Leases
  readonly layers: Layers
  readonly caches: Caches
  readonly history: History
  readonly now: () => number
  /** Brings `index.json` up to date. */
  readonly writeIndex: () => void
}

/**
 * Removes what dead processes left: their work directories, layers they announced and never published, caches that they were
 * making, their claims. Forgets what has lost its directory.
 * Mounts need no sweep: they live in mount namespaces that end with the process.
 * Everything moves into this process's work directory in the transaction that forgets it, and is removed there at
 * leisure: a base image's layers have the same names in every process, so a removal by name could hit what another
 * process has put there since. A kill in the middle leaves either rows without files or files in a dead work directory.
 */
export async function sweep(connection: Connection, parts: SweptParts, remove: (paths: readonly string[]) => Promise<void>): Promise<void> {
  const { leases, layers, caches } = parts
  // Mostly there is nothing, and that is seen without the write lock.
  const found = find(parts)
  if (isEmpty(found)) return
  // Before the leases go: whoever was killed may have changed the blobs, and not the list of images that have theirs.
  if (found.dead.length > 0 && existsSync(join(parts.layout.oci, 'index.json'))) parts.writeIndex()
  const bin = leases.own().directory
  const moved = connection
    .transaction(() => {
      const { doomed, dead, abandoned, abandonedCaches, lost } = find(parts)
      const targets = doomed.map((path, index) => moveAway(path, join(bin, `swept-${index}`)))
      for (const id of abandoned) layers.remove(id)
      for (const id of abandonedCaches) caches.remove(id)
      forgetLayers(connection, new Set(lost))
      leases.forget(dead)
      return targets
    })
    .immediate()
  await remove(moved)
}

function find({ layout, leases, layers, caches, history, now }: SweptParts): Found {
  // Directories are listed before rows: a layer announced in between has a row by then and is left alone.
  const directories = readdirSync(layout.layers)
  const known = layers.ids()
  const present = new Set(directories)
  // One that was made since the directories were listed has its own by now.
  const lost = layers.published().filter((id) => !present.has(id) && !existsSync(join(layout.layers, id)))
  const stray = directories.filter((id) => !known.has(id))
  const strayCaches = caches.strays()
  const dead = leases.dead()
  const abandoned = dead.flatMap((lease) => layers.unpublished(lease))
  const abandonedCaches = [...caches.abandoned(dead), ...caches.lost()]
  const doomed = [
    ...dead.map((lease) => join(layout.work, lease)),
    ...[...abandoned, ...stray].map((id) => join(layout.layers, id)),
    ...abandonedCaches.map((id) => join(layout.caches, id)),
    ...strayCaches,
    ...history.strays(),
    ...halfWritten(layout.trees, now()),
    ...halfWritten(layout.contexts, now()),
  ]
  return { doomed, dead, abandoned, abandonedCaches, lost }
}

function isEmpty(found: Found): boolean {
  return Object.values(found).every((each: readonly string[]) => each.length === 0)
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
