import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Digest, hexOf } from '../core/digest.ts'
import { TsbError } from '../core/error.ts'
import type { Connection } from './database.ts'
import type { LayerId } from './layers.ts'
import { blobPath, type Layout } from './layout.ts'
import type { Leases } from './leases.ts'

/** Things of the store that somebody is about to use. */
export interface Pinned {
  readonly layers?: readonly LayerId[]
  readonly blobs?: readonly Digest[]
  readonly trees?: readonly Digest[]
  readonly images?: readonly Digest[]
}

type PinKind = 'layer' | 'blob' | 'tree' | 'image'

/**
 * What this process uses, and nobody may evict before it ends. Look-ups pin nothing: a build that finds everything cached writes
 * nothing. Before a result is touched on the disk it is pinned, in the transaction that verifies that it is still there; an eviction
 * takes rows and files away in one transaction, too, so either comes first.
 */
export class Pins {
  readonly #connection: Connection
  readonly #layout: Layout
  readonly #leases: Leases
  readonly #held = new Set<string>()
  readonly #likely = new Set<LayerId>()

  constructor(connection: Connection, layout: Layout, leases: Leases) {
    this.#connection = connection
    this.#layout = layout
    this.#leases = leases
  }

  /** Pins all of it. @throws TsbError `TSB_STORE_EVICTED` when some of it has gone; then nothing is pinned */
  hold(wanted: Pinned): void {
    if (!this.tryHold(wanted)) throw evicted()
  }

  /** As `hold`, for those who can do without. @returns whether it is pinned now */
  tryHold({ layers = [], blobs = [], trees = [], images = [] }: Pinned): boolean {
    const wanted = [...keysOf('layer', layers), ...keysOf('blob', blobs), ...keysOf('tree', trees), ...keysOf('image', images)]
    if (wanted.every((key) => this.#held.has(key))) return true
    this.#leases.own()
    return this.#connection
      .transaction(() => {
        const isThere =
          layers.every((id) => this.#isUsable(id)) &&
          images.every((id) => this.#connection.prepare('SELECT 1 FROM images WHERE id = ?').get(id) !== undefined) &&
          blobs.every((digest) => existsSync(blobPath(this.#layout, digest))) &&
          trees.every((tree) => existsSync(join(this.#layout.trees, hexOf(tree))))
        if (!isThere) return false
        for (const key of wanted) this.#insert(key)
        this.#insertLikely()
        return true
      })
      .immediate()
  }

  /** Layers that will probably be used: they are pinned with whatever is pinned next, if they are there then. */
  expect(layers: readonly LayerId[]): void {
    for (const id of layers) if (!this.#held.has(`layer ${id}`)) this.#likely.add(id)
  }

  /** Pins what is expected now, as far as it is there. */
  holdExpected(): void {
    if (this.#likely.size === 0) return
    this.#leases.own()
    this.#connection.transaction(() => this.#insertLikely()).immediate()
  }

  /** Pins what this process has just made. Call inside the transaction that makes it known, or before it can be seen. */
  add(kind: PinKind, id: string): void {
    this.#leases.own()
    this.#insert(`${kind} ${id}`)
  }

  /** Gives back all that this process has pinned: nothing of it is in use any more. Where the database does not take it, the process's end does. */
  release(): void {
    const lease = this.#leases.held
    if (lease === undefined || this.#held.size === 0) return
    try {
      this.#connection.prepare('DELETE FROM pins WHERE lease = ?').run(lease.id)
    } catch {
      return
    }
    this.#held.clear()
    this.#likely.clear()
  }

  /** Everything that living processes have pinned, by kind. */
  living(): ReadonlyMap<PinKind, ReadonlySet<string>> {
    const kinds = new Map<PinKind, Set<string>>([
      ['layer', new Set()],
      ['blob', new Set()],
      ['tree', new Set()],
      ['image', new Set()],
    ])
    const statement = this.#connection.prepare<[string], { kind: PinKind; id: string }>('SELECT kind, id FROM pins WHERE lease = ?')
    for (const lease of this.#leases.living()) for (const { kind, id } of statement.all(lease)) kinds.get(kind)?.add(id)
    return kinds
  }

  #insertLikely(): void {
    for (const id of this.#likely) if (this.#isUsable(id)) this.#insert(`layer ${id}`)
    this.#likely.clear()
  }

  #isUsable(id: LayerId): boolean {
    const statement = this.#connection.prepare<[string, string]>('SELECT 1 FROM layers WHERE id = ? AND (lease IS NULL OR lease = ?)')
    return statement.get(id, this.#leases.own().id) !== undefined
  }

  #insert(key: string): void {
    const [kind, id] = key.split(' ')
    this.#connection.prepare('INSERT OR IGNORE INTO pins (lease, kind, id) VALUES (?, ?, ?)').run(this.#leases.own().id, kind, id)
    this.#held.add(key)
  }
}

/** The error of whoever looked something up that was evicted before they pinned it: once more, and it is made again. */
export function evicted(): TsbError {
  return new TsbError('TSB_STORE_EVICTED', 'an earlier result was evicted while it was about to be used', {
    fault: 'host',
    hint: 'repeat the command: what is missing is made again',
  })
}

function keysOf(kind: PinKind, ids: readonly string[]): readonly string[] {
  return ids.map((id) => `${kind} ${id}`)
}
