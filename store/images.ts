import type { Digest } from '../core/digest.ts'
import type { ImageConfig, Manifest } from '../core/manifest.ts'
import type { Connection } from './database.ts'
import type { LayerId, Layers } from './layers.ts'
import type { Leases } from './leases.ts'
import { evicted, type Pins } from './pins.ts'

/** An image of the store. Layers are absent while it is known by its documents only (pulled, not unpacked yet). */
export interface StoredImage {
  /** SHA-256 of the config's bytes. */
  readonly id: Digest
  readonly configBytes: Uint8Array
  readonly manifestBytes?: Uint8Array
  /** Canonical reference of a registry that has its blobs. */
  readonly reference?: string
  readonly root?: { readonly layers: readonly LayerId[]; readonly tree: Digest }
  /** Milliseconds since 1970. */
  readonly created: number
}

interface Row {
  readonly id: string
  readonly config: Buffer
  readonly manifest: Buffer | null
  readonly reference: string | null
  readonly layers: string | null
  readonly tree: string | null
  readonly created: number
}

/** Images and their names. A name belongs to one image; the last writer wins. */
export class Images {
  readonly #connection: Connection
  readonly #layers: Layers
  readonly #leases: Leases
  readonly #pins: Pins

  constructor(connection: Connection, layers: Layers, leases: Leases, pins: Pins) {
    this.#connection = connection
    this.#layers = layers
    this.#leases = leases
    this.#pins = pins
  }

  /**
   * Adds an image, or adds to what is known of it, and gives it names. What is known already costs no write. The image is pinned
   * where something is written; what has a name needs no pin.
   * @throws TsbError `TSB_STORE_EVICTED` when layers of its root have gone
   */
  put(image: StoredImage, names: readonly string[] = []): void {
    if (this.#isKnown(image) && names.every((name) => this.#imageOf(name) === image.id)) return
    // Before the transaction: a lease must not go with one that fails.
    const lease = this.#leases.own().id
    this.#connection
      .transaction(() => {
        if (!this.#layers.usable(image.root?.layers ?? [], lease)) throw evicted()
        this.#insert(image)
        this.#pins.add('image', image.id)
        for (const name of names) this.name(name, image.id)
      })
      .immediate()
  }

  /** Whether nothing of it is new. */
  #isKnown({ id, manifestBytes, reference, root }: StoredImage): boolean {
    const known = this.get(id)
    if (known === undefined) return false
    const isManifest = manifestBytes === undefined || Buffer.from(known.manifestBytes ?? []).equals(manifestBytes)
    const isReference = reference === undefined || reference === known.reference
    const isRoot = root === undefined || (root.tree === known.root?.tree && root.layers.join() === known.root.layers.join())
    return isManifest && isReference && isRoot
  }

  #imageOf(name: string): string | undefined {
    return this.#connection.prepare<[string], { image: string }>('SELECT image FROM names WHERE name = ?').get(name)?.image
  }

  #insert(image: StoredImage): void {
    this.#connection
      .prepare(
        `INSERT INTO images (id, config, manifest, reference, layers, tree, created) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET
           manifest = coalesce(excluded.manifest, manifest), reference = coalesce(excluded.reference, reference),
           layers = coalesce(excluded.layers, layers), tree = coalesce(excluded.tree, tree)`,
      )
      .run(
        image.id,
        image.configBytes,
        image.manifestBytes ?? null,
        image.reference ?? null,
        image.root === undefined ? null : JSON.stringify(image.root.layers),
        image.root?.tree ?? null,
        image.created,
      )
  }

  get(id: Digest): StoredImage | undefined {
    const row = this.#connection.prepare<[string], Row>('SELECT * FROM images WHERE id = ?').get(id)
    return row === undefined ? undefined : fromRow(row)
  }

  /** Images whose id's hex begins with `prefix`. */
  withPrefix(prefix: string): readonly StoredImage[] {
    return this.#connection
      .prepare<[string], Row>("SELECT * FROM images WHERE id GLOB 'sha256:' || ? || '*' LIMIT 2")
      .all(prefix)
      .map(fromRow)
  }

  /** Gives an image a name, taking the name from whatever had it. */
  name(name: string, image: Digest): void {
    this.#connection
      .prepare(
        `INSERT INTO names (name, image) VALUES (?, ?)
         ON CONFLICT (name) DO UPDATE SET image = excluded.image WHERE image IS NOT excluded.image`,
      )
      .run(name, image)
  }

  /** The image that has a name (canonical reference). */
  named(name: string): StoredImage | undefined {
    const row = this.#connection
      .prepare<[string], Row>('SELECT images.* FROM names JOIN images ON images.id = names.image WHERE names.name = ?')
      .get(name)
    return row === undefined ? undefined : fromRow(row)
  }

  namesOf(image: Digest): readonly string[] {
    return this.#connection
      .prepare<[string], { name: string }>('SELECT name FROM names WHERE image = ? ORDER BY name')
      .all(image)
      .map((row) => row.name)
  }

  /** All images that have a name, the newest in the store first. */
  list(): readonly StoredImage[] {
    return this.#connection
      .prepare<[], Row>('SELECT * FROM images WHERE id IN (SELECT image FROM names) ORDER BY created DESC, id')
      .all()
      .map(fromRow)
  }

  /** Images that have a manifest, with their names: candidates for the layout's index.json. */
  withManifest(): readonly StoredImage[] {
    return this.#connection
      .prepare<[], Row>('SELECT * FROM images WHERE manifest IS NOT NULL AND id IN (SELECT image FROM names) ORDER BY created, id')
      .all()
      .map(fromRow)
  }
}

/** The config of a stored image. */
export function configOf(image: StoredImage): ImageConfig {
  return JSON.parse(Buffer.from(image.configBytes).toString('utf8')) as ImageConfig
}

/** The manifest of a stored image, where it is known. */
export function manifestOf(image: StoredImage): Manifest | undefined {
  if (image.manifestBytes === undefined) return undefined
  return JSON.parse(Buffer.from(image.manifestBytes).toString('utf8')) as Manifest
}

function fromRow(row: Row): StoredImage {
  return {
    id: row.id as Digest,
    configBytes: row.config,
    created: row.created,
    ...(row.manifest === null ? {} : { manifestBytes: row.manifest }),
    ...(row.reference === null ? {} : { reference: row.reference }),
    ...(row.layers === null || row.tree === null ? {} : { root: { layers: JSON.parse(row.layers) as string[], tree: row.tree as Digest } }),
  }
}
