import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { halfWritten } from '../recovery/half-written.ts'
import { type Finding, finding } from './finding.ts'
import { imageFindings } from './images.ts'
import { type Looking, namesIn, strings } from './look.ts'
import { mountFindings } from './mounts.ts'
import { layoutFindings } from './oci-layout.ts'

/** Names in the store's folders. */
interface Listing {
  readonly work: readonly string[]
  readonly layers: readonly string[]
  readonly caches: readonly string[]
  readonly history: readonly string[]
  readonly half: readonly string[]
}

/**
 * What of a store does not fit together: rows, directories, files, mounts. No content is read. What living processes have under
 * their leases is theirs; but what one of them does between the look at the files and the look at the rows is taken for a fault, so
 * only what two looks find is one.
 */
export function structuralFindings(looking: Looking): readonly Finding[] {
  const { connection, layout } = looking
  // Files first: a directory's row is written before it.
  const listing = listFiles(looking)
  return connection.transaction(() => [
    ...leaseFindings(looking, listing),
    ...layerFindings(looking, listing),
    ...cacheFindings(looking, listing),
    ...listing.half.map((path) => finding('file-half', path)),
    ...historyFindings(looking, listing),
    ...imageFindings(looking),
    ...layoutFindings(looking),
    ...mountFindings(layout),
  ])()
}

function listFiles({ layout, now }: Looking): Listing {
  const half = [layout.trees, layout.contexts].flatMap((folder) => halfWritten(folder, now()))
  return {
    work: namesIn(layout.work),
    layers: namesIn(layout.layers),
    caches: namesIn(layout.caches),
    history: namesIn(layout.history),
    half: half.map((path) => relative(layout.root, path)),
  }
}

function leaseFindings({ connection, leases }: Looking, { work }: Listing): readonly Finding[] {
  const known = strings(connection, 'SELECT id FROM leases')
  const living = new Set(known.filter((id) => leases.alive(id)))
  const claims = connection.prepare<[], { key: string; lease: string }>('SELECT key, lease FROM claims').all()
  const uses = connection.prepare<[], { id: string; lease: string }>('SELECT id, lease FROM cache_uses').all()
  const pins = connection.prepare<[], { kind: string; id: string; lease: string }>('SELECT kind, id, lease FROM pins').all()
  return [
    ...known.filter((id) => !living.has(id)).map((id) => finding('lease-dead', id)),
    ...claims.filter(({ lease }) => !living.has(lease)).map(({ key }) => finding('claim-dead', key)),
    ...uses.filter(({ lease }) => !living.has(lease)).map(({ id }) => finding('cache-use-dead', id)),
    ...pins.filter(({ lease }) => !living.has(lease)).map(({ kind, id }) => finding('pin-dead', `${kind} ${id}`)),
    ...work.filter((id) => !known.includes(id)).map((id) => finding('work-stray', join('work', id))),
  ]
}

function layerFindings({ connection, layout, leases }: Looking, listing: Listing): readonly Finding[] {
  const rows = connection.prepare<[], { id: string; lease: string | null }>('SELECT id, lease FROM layers').all()
  const known = new Set(rows.map(({ id }) => id))
  const path = (id: string): string => join('layers', id)
  return [
    ...rows.filter(({ lease }) => lease !== null && !leases.alive(lease)).map(({ id }) => finding('layer-unfinished', path(id))),
    ...rows
      .filter(({ id, lease }) => lease === null && !existsSync(join(layout.layers, id)))
      .map(({ id }) => finding('layer-lost', path(id))),
    ...listing.layers.filter((id) => !known.has(id)).map((id) => finding('layer-stray', path(id))),
  ]
}

interface CacheRow {
  readonly id: string
  readonly lease: string | null
  readonly identity: string | null
}

function cacheFindings({ connection, layout, leases }: Looking, listing: Listing): readonly Finding[] {
  const rows = connection.prepare<[], CacheRow>('SELECT id, lease, identity FROM caches').all()
  const uses = connection.prepare<[], { cache: string; lease: string }>('SELECT cache, lease FROM cache_uses').all()
  const used = new Set(uses.filter(({ lease }) => leases.alive(lease)).map(({ cache }) => cache))
  const known = new Set(rows.map(({ id }) => id))
  const path = (id: string): string => join('caches', id)
  const isUnfinished = ({ id, lease, identity }: CacheRow): boolean =>
    lease === null ? identity === null && !used.has(id) : !leases.alive(lease)
  const isLost = ({ id, lease, identity }: CacheRow): boolean => lease === null && identity !== null && !existsSync(join(layout.caches, id))
  return [
    ...rows.filter(isUnfinished).map(({ id }) => finding('cache-unfinished', path(id))),
    ...rows.filter(isLost).map(({ id }) => finding('cache-lost', path(id))),
    ...listing.caches.filter((id) => !known.has(id)).map((id) => finding('cache-stray', path(id))),
  ]
}

/** A build's events stand in its row, or in a file that is called after it. */
function historyFindings({ connection, layout }: Looking, listing: Listing): readonly Finding[] {
  const known = new Set(strings(connection, 'SELECT id FROM builds'))
  const inFiles = strings(connection, 'SELECT id FROM builds WHERE events IS NULL').map((id) => `${id}.jsonl.gz`)
  return [
    ...listing.history
      .filter((name) => !known.has(name.replace(/\..*$/, '')))
      .map((name) => finding('history-stray', join('history', name))),
    ...inFiles.filter((name) => !existsSync(join(layout.history, name))).map((name) => finding('history-lost', join('history', name))),
  ]
}
