import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Digest } from '../../core/digest.ts'
import type { Native } from '../../native/types.ts'
import type { Connection } from '../database.ts'
import type { Images } from '../images.ts'
import { writeIndexFile } from '../index-file.ts'
import { blobPath, type Layout } from '../layout.ts'
import type { Leases } from '../leases.ts'
import { moveAway } from '../sweep.ts'
import type { Unsynced } from '../unsynced.ts'
import { type Damage, findDamage, type Verifier } from '../verify/damage.ts'
import { forgetLayers } from './forget.ts'
import { writeMarker } from './marker.ts'

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

function forgetBlobs(connection: Connection, lost: readonly Digest[]): void {
  const statement = connection.prepare('DELETE FROM layer_blobs WHERE digest = ?')
  for (const digest of lost) statement.run(digest)
}

/** The two files of an OCI image layout that are no blobs; the first is written once in a store's life. */
function repairLayout({ connection, layout, leases, images }: Recovering): void {
  writeMarker(layout)
  const isListed = existsSync(join(layout.oci, 'index.json')) || images.withManifest().length > 0
  if (isListed) writeIndexFile(connection, images, layout, leases.own().directory)
}
