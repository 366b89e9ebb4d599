import { join } from 'node:path'
import { type Digest, hexOf } from '../../core/digest.ts'
import type { LayerId } from '../layers.ts'
import { blobPath } from '../layout.ts'
import { forgetBlob, forgetLayer } from '../recovery/forget.ts'
import { moveAway } from '../sweep.ts'
import type { Tombstones } from '../tombstones.ts'
import { filesIn } from './files.ts'
import type { Inventoried } from './inventory.ts'
import type { Item } from './item.ts'

/** What an eviction changes. */
export interface Evicting extends Inventoried {
  readonly tombstones: Tombstones
  /** Directory of this process that takes what goes, until it is removed. */
  readonly bin: string
  readonly now: number
}

/**
 * A tree index that no row names may be one that somebody is about to name: a scan, or a step that has not ended. Those who find
 * an index there already give it the time of now.
 */
const TREE_GRACE_MS = 10 * 60_000

/**
 * Takes things and layers out of the database, and their files out of their places. Call inside the transaction that has found out that
 * nobody holds them: whoever pins something comes before it or sees that it is gone.
 * They end up in the bin; a kill before that is removed leaves them in a dead process's work directory.
 */
export function evict(parts: Evicting, items: readonly Item[], layers: readonly LayerId[]): void {
  const { connection, layout, tombstones, bin, now } = parts
  const doomed: string[] = []
  for (const item of items) {
    switch (item.kind) {
      case 'record':
        tombstones.put({ key: item.id as Digest, preimage: item.text, trees: item.trees as readonly Digest[], evicted: now })
        connection.prepare('DELETE FROM records WHERE key = ?').run(item.id)
        break
      case 'image':
        connection.prepare('DELETE FROM images WHERE id = ?').run(item.id)
        break
      case 'cache':
        connection.prepare('DELETE FROM caches WHERE id = ?').run(item.id)
        doomed.push(join(layout.caches, item.id))
        break
      case 'blob':
        forgetBlob(connection, item.id as Digest)
        doomed.push(blobPath(layout, item.id as Digest))
        break
      case 'context':
        doomed.push(join(layout.contexts, item.id))
        break
      case 'other':
        break
    }
  }
  for (const id of layers) {
    forgetLayer(connection, id)
    doomed.push(join(layout.layers, id))
  }
  if (layers.length > 0) forgetRoots(parts, new Set(layers))
  if (items.some(({ kind }) => kind === 'record')) tombstones.bound(now)
  doomed.push(...strayTrees(parts))
  for (const [index, path] of doomed.entries()) moveAway(path, join(bin, String(index)))
}

/** Images without a name do not keep their layers: they are known by their documents again, or not at all. */
function forgetRoots({ connection }: Evicting, gone: ReadonlySet<LayerId>): void {
  const rows = connection
    .prepare<[], { id: string; layers: string; manifest: Buffer | null }>(
      'SELECT id, layers, manifest FROM images WHERE layers IS NOT NULL',
    )
    .all()
  for (const { id, layers, manifest } of rows) {
    if (!(JSON.parse(layers) as readonly LayerId[]).some((layer) => gone.has(layer))) continue
    if (manifest === null) connection.prepare('DELETE FROM images WHERE id = ?').run(id)
    else connection.prepare('UPDATE images SET layers = NULL, tree = NULL WHERE id = ?').run(id)
  }
}

/** Indexes that nothing names any more. */
function strayTrees({ connection, layout, pins, now }: Evicting): readonly string[] {
  const named = new Set(pins.living().get('tree') ?? [])
  const note = (text: string): void => {
    for (const part of text.split('"')) if (part.startsWith('blake3:')) named.add(part)
  }
  for (const row of connection.prepare<[], { result: string; trees: string }>('SELECT result, trees FROM records').all()) {
    // The result of an empty root is nothing but its tree.
    note(`"${row.result}"`)
    note(row.result)
    note(row.trees)
  }
  const trees = connection.prepare<[], { tree: string }>(
    'SELECT tree FROM layers WHERE tree IS NOT NULL UNION SELECT tree FROM images WHERE tree IS NOT NULL',
  )
  for (const { tree } of trees.all()) named.add(tree)
  const kept = new Set([...named].map((tree) => hexOf(tree as Digest)))
  return filesIn(layout.trees)
    .filter(({ name, changed }) => !kept.has(name) && now - changed > TREE_GRACE_MS)
    .map(({ path }) => path)
}
