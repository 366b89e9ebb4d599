import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Effects } from '../../core/effects.ts'
import type { Native } from '../../native/types.ts'
import type { Images } from '../images.ts'
import { writeIndexFile } from '../index-file.ts'
import type { LayerId } from '../layers.ts'
import type { Leases } from '../leases.ts'
import type { Tombstones } from '../tombstones.ts'
import { evict } from './evict.ts'
import { type ImageBytes, imageUsage } from './images.ts'
import { type Inventoried, takeInventory } from './inventory.ts'
import type { Inventory, Item } from './item.ts'
import { type Kept, keptOf, restOf } from './kept.ts'
import { evictionOrder } from './order.ts'
import { measureUsage, noteSizes, type Usage } from './usage.ts'

/** What a collector works on. */
export interface Collected extends Inventoried {
  readonly images: Images
  readonly leases: Leases
  readonly tombstones: Tombstones
  readonly native: Pick<Native, 'measure' | 'remove'>
  readonly effects: Pick<Effects, 'now' | 'randomId'>
}

/** What shall go. */
export interface CollectRequest {
  /** Only of these; absent: of all. */
  readonly matches?: (kept: Kept) => boolean
  /** Also what takes nothing beside an image with a name, and what can be fetched again for one. */
  readonly all: boolean
  /** End as soon as so many bytes are free; absent: never. */
  readonly bytes?: number
  /** Only say what would go. */
  readonly dryRun?: boolean
}

/** What has gone, in the order in which it went. `bytes` of each are those that came free with it. */
export interface Collection {
  readonly gone: readonly Kept[]
  readonly bytes: number
}

/** The books of the store. */
export interface Account {
  readonly kept: readonly Kept[]
  readonly usage: Usage
  readonly images: readonly ImageBytes[]
}

/** Knows what the store takes on the disk, and takes it away. */
export class Collector {
  readonly #parts: Collected

  constructor(parts: Collected) {
    this.#parts = parts
  }

  /** Allocated bytes, measured now. */
  usage(): Promise<Usage> {
    return measureUsage(this.#parts)
  }

  /** Everything there is, as of one instant, with its bytes; what belongs to nothing stands as lines of its own. */
  async account(): Promise<Account> {
    const usage = await this.usage()
    const { connection } = this.#parts
    return connection.transaction(() => {
      const inventory = takeInventory(this.#parts)
      const kept = keptOf(inventory)
      const rest = restOf(usage, kept, this.#parts.effects.now())
      return { kept: [...kept, ...rest], usage, images: imageUsage(connection, inventory) }
    })()
  }

  /**
   * Evicts what nobody uses or has named, worst first, in one transaction; then removes it. Any number of processes may do so at once,
   * beside any number of builds.
   */
  async collect(request: CollectRequest): Promise<Collection> {
    await noteSizes(this.#parts)
    const { connection, leases, effects, native } = this.#parts
    if (request.dryRun === true) {
      const { chosen, bytes } = connection.transaction(() => choose(takeInventory(this.#parts), request, effects.now()))()
      return { gone: chosen, bytes }
    }
    const bin = join(leases.own().directory, `evicted-${effects.randomId()}`)
    const { chosen, bytes } = connection
      .transaction(() => {
        const found = choose(takeInventory(this.#parts), request, effects.now())
        mkdirSync(bin, { mode: 0o700 })
        evict({ ...this.#parts, bin, now: effects.now() }, found.items, found.layers)
        return found
      })
      .immediate()
    // In one walk: a call for each layer would take as long again.
    await native.remove([bin])
    if (chosen.some(({ type }) => type === 'blob')) this.#writeIndex()
    return { gone: chosen, bytes }
  }

  #writeIndex(): void {
    const { connection, images, layout, leases } = this.#parts
    writeIndexFile(connection, images, layout, leases.own().directory)
  }
}

interface Chosen {
  readonly items: readonly Item[]
  /** Layers that nothing names any more then. */
  readonly layers: readonly LayerId[]
  readonly chosen: readonly Kept[]
  readonly bytes: number
}

function choose(inventory: Inventory, request: CollectRequest, now: number): Chosen {
  const { all, bytes: wanted = Number.POSITIVE_INFINITY, matches = () => true } = request
  const kept = new Map(keptOf(inventory).map((each) => [each.item, each]))
  const isGoal = request.bytes !== undefined
  const candidates = inventory.items.filter((item) => mayGo(item, all, isGoal) && matches(kept.get(item) as Kept))
  const names = new Map<LayerId, number>()
  for (const { layers } of inventory.items) for (const id of layers) names.set(id, (names.get(id) ?? 0) + 1)
  // Layers of results that failed, or of images that were taken away: nobody can find them.
  const layers = [...inventory.layers.values()].filter(({ id, isHeld }) => !isHeld && !names.has(id)).map(({ id }) => id)
  let bytes = layers.reduce((sum, id) => sum + (inventory.layers.get(id)?.bytes ?? 0), 0)
  const items: Item[] = []
  const chosen: Kept[] = []
  for (const item of evictionOrder(inventory, candidates, now)) {
    if (bytes >= wanted) break
    const free: LayerId[] = []
    for (const id of item.layers) {
      const left = (names.get(id) ?? 0) - 1
      names.set(id, left)
      if (left === 0 && inventory.layers.get(id)?.isHeld === false) free.push(id)
    }
    const own = item.bytes + free.reduce((sum, id) => sum + (inventory.layers.get(id)?.bytes ?? 0), 0)
    layers.push(...free)
    items.push(item)
    chosen.push({ ...(kept.get(item) as Kept), bytes: own })
    bytes += own
  }
  return { items, layers, chosen, bytes }
}

/** Where bytes are wanted, nothing goes that is mere knowledge of what stays. */
function mayGo({ hold, kind, layers, bytes }: Item, all: boolean, isGoal: boolean): boolean {
  if (isGoal && bytes === 0 && (hold === 'image' || (kind === 'image' && layers.length === 0))) return false
  return hold === undefined || (hold === 'image' && all)
}
