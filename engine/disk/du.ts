import { hexOf } from '../../core/digest.ts'
import { familiarName, parseReference } from '../../core/reference.ts'
import type { Kept } from '../../store/gc/kept.ts'
import type { Session } from '../session.ts'
import { describe } from './describe.ts'
import { parseFilters } from './filter.ts'
import type { DiskEntry, DiskUsage } from './types.ts'

/** Characters of an entry's id: as many as BuildKit's have. */
const ID_LENGTH = 25

/**
 * What the store takes on the disk, by allocated blocks; with filters only what they let pass, though the total stays that of all.
 * @throws TsbError `TSB_USAGE_INVALID_VALUE`, `TSB_MEASURE_FAILED`
 */
export async function diskUsage({ store, effects }: Session, filters: readonly string[]): Promise<DiskUsage> {
  const matches = parseFilters(filters, effects.now())
  const { kept, usage, images } = await (await store.collector()).account()
  const entries = kept.map(entryOf).filter(matches)
  return {
    entries: entries.sort((a, b) => b.bytes - a.bytes || (a.id < b.id ? -1 : 1)),
    images: images.map((image) => ({ ...image, names: image.names.map((name) => familiarName(parseReference(name))) })),
    total: usage.total,
  }
}

/** A line of the accounts, as the world sees it. */
export function entryOf(kept: Kept): DiskEntry {
  const { id, type, bytes, isShared, isReclaimable, inUse, created, used } = kept
  const hex = id.includes(':') ? hexOf(id as Parameters<typeof hexOf>[0]) : id
  return { id: hex.slice(0, ID_LENGTH), type, description: describe(kept), bytes, isShared, isReclaimable, inUse, created, used }
}
