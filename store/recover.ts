import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Digest } from '../core/digest.ts'
import type { Native } from '../native/types.ts'
import type { Connection } from './database.ts'
import type { Images } from './images.ts'
import { writeIndexFile } from './index-file.ts'
import { blobPath, type Layout, OCI_LAYOUT } from './layout.ts'
import type { Leases } from './leases.ts'
import { moveAway } from './sweep.ts'
import type { Unsynced } from './unsynced.ts'
import { type Damage, findDamage, type Verifier } from './verify.ts'

/** What a recovery works on. */
export interface Recovering {
  readonly connection: Connection
  readonly layout: Layout
  readonly leases: Leases
  readonly images: Images
  readonly unsynced: Unsynced
  readonly now: () => number
}

/**
 * Once in each boot, before anything in the store is believed: verifies what earlier boots left unsynced, and drops whole,
 * with all that names it, what a machine that went down has damaged. Two processes may do this at once; the first to end is
 * believed. After a kill in the middle the next process does it again.
 */
export async function recover(store: Recovering, native: Verifier & Pick<Native, 'remove' | 'sync'>): Promise<void> {
  const { layout, unsynced } = store
  const begun = store.now()
  const damage = await findDamage(layout, unsynced.suspects(), native)
  const moved = isEmpty(damage) ? [] : drop(store, damage)
  if (moved === 'late') return
  await native.remove(moved)
  if (unsynced.isRecovered()) return
  repairLayout(store)
  // What was read whole after a start is on the disk; what was moved away must not come back under its name.
  if (moved.length > 0) await native.sync(layout.layers)
  unsynced.setRecovered(begun)
}

function isEmpty({ layers, blobs, trees }: Damage): boolean {
  return layers.length + blobs.length + trees.length === 0
}

/**
 * Moves what is damaged into this process's work directory, in the transaction that forgets it. Once another process has
 * ended its recovery, what stands under these names may be new and whole: then nothing is dropped.
 * @returns the paths to remove
 */
function drop({ connection, layout, leases, unsynced }: Recovering, damage: Damage): readonly string[] | 'late' {
  const bin = leases.own().directory
  const paths = [
    ...damage.layers.map((id) => join(layout.layers, id)),
    ...damage.blobs.map((digest) => blobPath(layout, digest)),
    ...damage.trees.map((name) => join(layout.trees, name)),
  ]
  return connection
    .transaction(() => {
      if (unsynced.isRecovered()) return 'late'
      forgetLayers(connection, new Set(damage.layers))
      forgetBlobs(connection, damage.blobs)
      return paths.map((path, index) => moveAway(path, join(bin, `damaged-${index}`)))
    })
    .immediate()
}

/** A lost tree index needs no forgetting: it is made again from the layers. */
function forgetLayers(connection: Connection, lost: ReadonlySet<string>): void {
  if (lost.size === 0) return
  const removeLayer = connection.prepare('DELETE FROM layers WHERE id = ?')
  for (const id of lost) removeLayer.run(id)
  const removeRecord = connection.prepare('DELETE FROM records WHERE key = ?')
  for (const { key, result } of connection.prepare<[], { key: string; result: string }>('SELECT key, result FROM records').all()) {
    if (names(result, lost)) removeRecord.run(key)
  }
  const removeRoot = connection.prepare('UPDATE images SET layers = NULL, tree = NULL WHERE id = ?')
  const roots = connection.prepare<[], { id: string; layers: string }>('SELECT id, layers FROM images WHERE layers IS NOT NULL').all()
  for (const { id, layers } of roots) {
    if (names(layers, lost)) removeRoot.run(id)
  }
}

/** Whether one of the ids stands in a JSON text. How a result is written is its driver's, but an id is a string in it. */
function names(json: string, ids: ReadonlySet<string>): boolean {
  return json.split('"').some((part) => ids.has(part))
}

function forgetBlobs(connection: Connection, lost: readonly Digest[]): void {
  const statement = connection.prepare('DELETE FROM layer_blobs WHERE digest = ?')
  for (const digest of lost) statement.run(digest)
}

/** The two files of an OCI image layout that are no blobs; the first is written once in a store's life. */
function repairLayout({ connection, layout, leases, images }: Recovering): void {
  const marker = join(layout.oci, 'oci-layout')
  if (!existsSync(marker) || readFileSync(marker, 'latin1') !== OCI_LAYOUT) writeFileSync(marker, OCI_LAYOUT)
  const isListed = existsSync(join(layout.oci, 'index.json')) || images.withManifest().length > 0
  if (isListed) writeIndexFile(connection, images, layout, leases.own().directory)
}
