import type { Inventory, Item } from './item.ts'

/** After so long without use a thing is worth half of what it was. */
const HALF_LIFE_MS = 24 * 60 * 60_000

/** What even an empty result takes: a directory. */
const LEAST_BYTES = 4096

/**
 * The order in which things go: what saves the least time for each byte goes first, halved for each day that nobody used it
 * (GreedyDual-Size with age in the place of its clock: there is no process that could keep one). What other candidates stand on
 * comes after them: a result is of no use when what it stands on has to be made again and comes out differently.
 */
export function evictionOrder({ items, layers }: Inventory, candidates: readonly Item[], now: number): readonly Item[] {
  const shares = new Map<string, number>()
  for (const item of items) for (const id of item.layers) shares.set(id, (shares.get(id) ?? 0) + 1)
  const bytesOf = (item: Item): number => {
    const inLayers = item.layers.map((id) => (layers.get(id)?.bytes ?? 0) / (shares.get(id) ?? 1))
    return item.bytes + inLayers.reduce((sum, bytes) => sum + bytes, 0)
  }
  const worth = new Map(candidates.map((item) => [item, worthOf(item, bytesOf(item), now)]))
  const byWorth = candidates.toSorted((a, b) => (worth.get(a) ?? 0) - (worth.get(b) ?? 0))
  return leavesFirst(byWorth)
}

/** Seconds saved for each byte. */
function worthOf({ saves, used }: Item, bytes: number, now: number): number {
  const idle = Math.max(0, now - used)
  return (saves / 1000 / Math.max(bytes, LEAST_BYTES)) * 2 ** (-idle / HALF_LIFE_MS)
}

/** Keeps the order, but puts whatever something else stands on behind that. A ring of them is opened. */
function leavesFirst(items: readonly Item[]): readonly Item[] {
  const standing = childrenOf(items)
  const waiting = new Map(items.map((item, place) => [item, { place, children: standing.get(item)?.length ?? 0 }]))
  const parents = new Map<Item, Item[]>()
  for (const [parent, children] of standing) for (const child of children) push(parents, child, parent)
  const ready = new Heap(items.length)
  for (const { place, children } of waiting.values()) if (children === 0) ready.add(place)
  const ordered: Item[] = []
  let unopened = 0
  while (ordered.length < items.length) {
    const place = ready.take() ?? nextWaiting()
    const item = items[place]
    if (item === undefined || !waiting.delete(item)) continue
    ordered.push(item)
    for (const parent of parents.get(item) ?? []) {
      const entry = waiting.get(parent)
      if (entry === undefined) continue
      entry.children -= 1
      if (entry.children === 0) ready.add(entry.place)
    }
  }
  return ordered

  /** Down from the first that waits to what stands on it, until one comes again: of that ring the one that is worth least. */
  function nextWaiting(): number {
    while (unopened < items.length && !waiting.has(items[unopened] as Item)) unopened++
    const path: Item[] = []
    for (let at = items[unopened]; at !== undefined; at = standing.get(at)?.find((child) => waiting.has(child))) {
      const begin = path.indexOf(at)
      if (begin >= 0) return Math.min(...path.slice(begin).map((item) => waiting.get(item)?.place ?? 0))
      path.push(at)
    }
    return unopened
  }
}

/** Which items stand on the tree that an item makes. Of two that leave the tree as it is the later stands on the earlier. */
function childrenOf(items: readonly Item[]): ReadonlyMap<Item, readonly Item[]> {
  const onTree = new Map<string, Item[]>()
  for (const item of items) for (const tree of new Set(item.trees)) push(onTree, tree, item)
  return new Map(
    items.map((item) => {
      const children = item.tree === undefined ? [] : (onTree.get(item.tree) ?? [])
      return [item, children.filter((child) => child !== item && (child.tree !== item.tree || isLater(child, item)))]
    }),
  )
}

function push<K>(lists: Map<K, Item[]>, key: K, item: Item): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [item])
  else list.push(item)
}

function isLater(a: Item, b: Item): boolean {
  return a.created > b.created || (a.created === b.created && a.id > b.id)
}

/** The smallest number first. */
class Heap {
  readonly #numbers: Float64Array
  #size = 0

  constructor(capacity: number) {
    this.#numbers = new Float64Array(capacity + 1)
  }

  add(number: number): void {
    const numbers = this.#numbers
    let at = this.#size++
    for (; at > 0; at = (at - 1) >> 1) {
      const above = numbers[(at - 1) >> 1] as number
      if (above <= number) break
      numbers[at] = above
    }
    numbers[at] = number
  }

  take(): number | undefined {
    if (this.#size === 0) return undefined
    const numbers = this.#numbers
    const first = numbers[0]
    const last = numbers[--this.#size] as number
    let at = 0
    for (let below = 1; below < this.#size; below = 2 * at + 1) {
      if (below + 1 < this.#size && (numbers[below + 1] as number) < (numbers[below] as number)) below += 1
      if ((numbers[below] as number) >= last) break
      numbers[at] = numbers[below] as number
      at = below
    }
    numbers[at] = last
    return first
  }
}
