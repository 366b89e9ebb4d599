import { join } from 'node:path'
import { type Digest, sha256Digest } from '../../core/digest.ts'
import type { Manifest } from '../../core/manifest.ts'
import type { Caches } from '../caches.ts'
import type { Connection } from '../database.ts'
import type { LayerId } from '../layers.ts'
import type { Layout } from '../layout.ts'
import type { Pins } from '../pins.ts'
import { filesIn } from './files.ts'
import type { Inventory, Item, KeptType, LayerItem } from './item.ts'

/** What an inventory is taken of. */
export interface Inventoried {
  readonly connection: Connection
  readonly layout: Layout
  readonly pins: Pins
  readonly caches: Caches
}

/** Bytes a second: of a registry, of a compressor, of a cache's first filling, of files behind a stat index. What is gone costs that. */
const FETCHED = 20e6
const PACKED = 80e6
const FILLED = 10e6
const INDEXED = 1e6

interface ImageRow {
  readonly id: string
  readonly manifest: Buffer | null
  readonly reference: string | null
  readonly layers: string | null
  readonly created: number
  readonly names: string | null
}

/** Looks at all rows and files. Call inside a transaction: then it is of one instant. */
export function takeInventory(parts: Inventoried): Inventory {
  const { connection, pins } = parts
  const used = pins.living()
  const images = connection
    .prepare<[], ImageRow>(
      `SELECT id, manifest, reference, layers, created, (SELECT group_concat(name, ' ') FROM names WHERE image = images.id) AS names FROM images`,
    )
    .all()
  const rooted = new Set(images.filter(({ names }) => names !== null).flatMap(layersOf))
  const layers = layerItems(connection, rooted, used.get('layer') ?? new Set())
  const records = recordItems(connection, layers)
  const recorded = new Set(records.flatMap((item) => item.layers))
  return {
    layers,
    items: [
      ...records,
      ...images.map((row) => imageItem(row, layers, recorded, used.get('image') ?? new Set())),
      ...cacheItems(parts),
      ...blobItems(parts, images, used.get('blob') ?? new Set()),
      ...contextItems(parts),
    ],
  }
}

function layerItems(connection: Connection, rooted: ReadonlySet<LayerId>, used: ReadonlySet<string>): ReadonlyMap<LayerId, LayerItem> {
  const rows = connection.prepare<[], { id: string; lease: string | null; disk: number | null }>('SELECT id, lease, disk FROM layers').all()
  return new Map(
    rows.map(({ id, lease, disk }) => {
      const isNamed = rooted.has(id)
      return [id, { id, bytes: disk ?? 0, isNamed, isHeld: isNamed || lease !== null || used.has(id) }]
    }),
  )
}

interface RecordRow {
  readonly key: string
  readonly preimage: string
  readonly result: string
  readonly created: number
  readonly used: number
  readonly duration: number
  readonly trees: string
}

function recordItems(connection: Connection, layers: ReadonlyMap<LayerId, LayerItem>): readonly Item[] {
  const rows = connection.prepare<[], RecordRow>('SELECT key, preimage, result, created, used, duration, trees FROM records').all()
  return rows.map(({ key, preimage, result, created, used, duration, trees }) => {
    // How a result is written is its driver's, but layers and trees are strings in it.
    const parts = result.split('"')
    const own = [...new Set(parts.filter((part) => layers.has(part)))]
    const tree = parts.findLast((part) => part.startsWith('blake3:'))
    const known = own.flatMap((id) => layers.get(id) ?? [])
    const isUsed = known.some((layer) => layer.isHeld && !layer.isNamed)
    const hold = isUsed ? 'used' : own.length > 0 && known.every(({ isNamed }) => isNamed) ? 'image' : undefined
    return {
      kind: 'record',
      id: key,
      type: typeOf(preimage),
      text: preimage,
      layers: own,
      bytes: 0,
      created,
      used,
      saves: duration,
      ...(hold === undefined ? {} : { hold }),
      trees: JSON.parse(trees) as readonly string[],
      ...(tree === undefined ? {} : { tree }),
    }
  })
}

function typeOf(preimage: string): KeptType {
  const kind = /"kind":"(git|http|http-note)"/.exec(preimage.slice(preimage.indexOf('"op":')))?.[1]
  if (kind === undefined) return 'regular'
  return kind === 'git' ? 'source.git.checkout' : kind === 'http' ? 'source.http' : 'internal'
}

function imageItem(
  row: ImageRow,
  layers: ReadonlyMap<LayerId, LayerItem>,
  recorded: ReadonlySet<LayerId>,
  used: ReadonlySet<string>,
): Item {
  const own = [...new Set(layersOf(row))].filter((id) => layers.has(id) && !recorded.has(id))
  const bytes = own.reduce((sum, id) => sum + (layers.get(id)?.bytes ?? 0), 0)
  const hold = row.names !== null ? 'named' : used.has(row.id) ? 'used' : undefined
  return {
    kind: 'image',
    id: row.id,
    type: 'image',
    text: row.names ?? '',
    layers: own,
    bytes: 0,
    created: row.created,
    used: row.created,
    saves: (bytes / FETCHED) * 1000,
    ...(hold === undefined ? {} : { hold }),
    trees: [],
  }
}

function cacheItems({ connection, layout, caches }: Inventoried): readonly Item[] {
  const rows = connection
    .prepare<[], { id: string; name: string; created: number; used: number; disk: number | null }>(
      'SELECT id, name, created, used, disk FROM caches',
    )
    .all()
  return rows.map(({ id, name, created, used, disk }) => ({
    kind: 'cache',
    id,
    type: 'exec.cachemount',
    text: `cached mount ${name} from exec, in ${join(layout.caches, id)}`,
    layers: [],
    bytes: disk ?? 0,
    created,
    used,
    saves: ((disk ?? 0) / FILLED) * 1000,
    ...(caches.isUsed(id) ? { hold: 'used' as const } : {}),
    trees: [],
  }))
}

/**
 * A blob that an image with a name needs and nobody has elsewhere stays; one that a registry has, or that is packed again from its
 * layer, is a cache.
 */
function blobItems({ layout }: Inventoried, images: readonly ImageRow[], used: ReadonlySet<string>): readonly Item[] {
  const [kept, fetchable] = [new Set<string>(), new Set<string>()]
  for (const { id, manifest, reference, names } of images) {
    if (names === null || manifest === null) continue
    const digests = (JSON.parse(manifest.toString('utf8')) as Manifest).layers.map(({ digest }) => digest)
    for (const digest of digests) (reference === null ? kept : fetchable).add(digest)
    for (const digest of [id, sha256Digest(manifest)]) kept.add(digest)
  }
  return filesIn(join(layout.oci, 'blobs', 'sha256')).map(({ name, bytes, changed }) => {
    const digest: Digest = `sha256:${name}`
    const hold = used.has(digest) ? 'used' : kept.has(digest) ? 'named' : fetchable.has(digest) ? 'image' : undefined
    return {
      kind: 'blob',
      id: digest,
      type: 'blob',
      text: digest,
      layers: [],
      bytes,
      created: changed,
      used: changed,
      saves: (bytes / (fetchable.has(digest) ? FETCHED : PACKED)) * 1000,
      ...(hold === undefined ? {} : { hold }),
      trees: [],
    }
  })
}

function contextItems({ layout }: Inventoried): readonly Item[] {
  return filesIn(layout.contexts).map(({ name, path, bytes, changed }) => ({
    kind: 'context',
    id: name,
    type: 'source.local',
    text: path,
    layers: [],
    bytes,
    created: changed,
    used: changed,
    saves: (bytes / INDEXED) * 1000,
    trees: [],
  }))
}

function layersOf({ layers }: { readonly layers: string | null }): readonly LayerId[] {
  return layers === null ? [] : (JSON.parse(layers) as readonly LayerId[])
}
