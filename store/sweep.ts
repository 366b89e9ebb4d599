import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Layers } from './layers.ts'
import type { Layout } from './layout.ts'
import type { Leases } from './leases.ts'

/**
 * Removes what dead processes left: their work directories, layers they announced and never published, their claims.
 * Mounts need no sweep: they live in mount namespaces that end with the process.
 * Order matters for a kill in the middle: files go before the rows that name them.
 */
export async function sweep(
  layout: Layout,
  leases: Leases,
  layers: Layers,
  remove: (paths: readonly string[]) => Promise<void>,
): Promise<readonly string[]> {
  // Directories are listed before rows: a layer announced in between has a row by then and is left alone.
  const directories = readdirSync(layout.layers)
  const known = layers.ids()
  const stray = directories.filter((id) => !known.has(id))
  const dead = leases.dead()
  const abandoned = dead.flatMap((lease) => layers.unpublished(lease))
  const doomed = [...dead.map((lease) => join(layout.work, lease)), ...[...abandoned, ...stray].map((id) => join(layout.layers, id))]
  if (doomed.length > 0) await remove(doomed)
  for (const id of abandoned) layers.remove(id)
  leases.forget(dead)
  return dead
}

/** Tree indexes are written beside their final name; one whose process is gone was left by a kill. */
function halfWrittenTrees(layout: Layout): readonly string[] {
  return readdirSync(layout.trees)
    .filter((name) => name.endsWith('.tmp') && !isAlive(Number(/\.(\d+)-\d+\.tmp$/.exec(name)?.[1])))
    .map((name) => join(layout.trees, name))
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`)
}
