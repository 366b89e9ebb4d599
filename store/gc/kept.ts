import type { LayerId } from '../layers.ts'
import type { Inventory, Item, KeptType } from './item.ts'
import type { Usage } from './usage.ts'

/** A line of the accounts. */
export interface Kept {
  readonly item: Item
  readonly id: string
  readonly type: KeptType
  /** Preimage, name or path: see `Item`. */
  readonly text: string
  /** Allocated. A layer that several things name counts with the one that was used last. */
  readonly bytes: number
  /** Something else names some of its layers, too. */
  readonly isShared: boolean
  /** It may go: no running process uses it, and no image with a name needs it. */
  readonly isReclaimable: boolean
  readonly inUse: boolean
  readonly created: number
  readonly used: number
}

/** Everything in an inventory with its bytes: each layer counts once. */
export function keptOf({ items, layers }: Inventory): readonly Kept[] {
  const owners = new Map<LayerId, Item>()
  const names = new Map<LayerId, number>()
  for (const item of items.toSorted((a, b) => b.used - a.used)) {
    for (const id of item.layers) {
      if (!owners.has(id)) owners.set(id, item)
      names.set(id, (names.get(id) ?? 0) + 1)
    }
  }
  return items.map((item) => ({
    item,
    id: item.id,
    type: item.type,
    text: item.text,
    bytes: item.layers.reduce((sum, id) => sum + (owners.get(id) === item ? (layers.get(id)?.bytes ?? 0) : 0), item.bytes),
    isShared: item.layers.some((id) => (names.get(id) ?? 0) > 1 || layers.get(id)?.isNamed === true),
    isReclaimable: item.hold === undefined,
    inUse: item.hold === 'used',
    created: item.created,
    used: item.used,
  }))
}

/** What a usage has beyond the things in an inventory: lines for the rest, so that all lines make the total. They were used with the last thing, or `now`. */
export function restOf(usage: Usage, kept: readonly Kept[], now: number): readonly Kept[] {
  const sumOf = (...kinds: readonly Item['kind'][]): number =>
    kept.reduce((sum, { item, bytes }) => (kinds.includes(item.kind) ? sum + bytes : sum), 0)
  const lines: readonly (readonly [id: string, text: string, bytes: number, inUse: boolean])[] = [
    ['layers', 'layers that nothing names', usage.layers - sumOf('record', 'image'), false],
    ['trees', 'indexes of trees', usage.trees, true],
    ['database', "the store's database", usage.database, true],
    ['history', 'the history of builds', usage.history, true],
    ['work', 'what running processes are at', usage.work, true],
    ['other', 'directories', usage.other + usage.caches + usage.blobs + usage.contexts - sumOf('cache', 'blob', 'context'), true],
  ]
  const used = kept.length === 0 ? now : kept.reduce((last, each) => Math.max(last, each.used), 0)
  return lines.filter(([, , bytes]) => bytes > 0).map(([id, text, bytes, inUse]) => line({ id, text, bytes }, inUse, used))
}

function line(what: Pick<Item, 'id' | 'text' | 'bytes'>, inUse: boolean, time: number): Kept {
  const item: Item = { ...what, kind: 'other', type: 'internal', layers: [], created: time, used: time, saves: 0, trees: [] }
  return { item, ...what, type: 'internal', isShared: false, isReclaimable: !inUse, inUse, created: time, used: time }
}
