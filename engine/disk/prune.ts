import { statfsSync } from 'node:fs'
import type { Session } from '../session.ts'
import { entryOf } from './du.ts'
import { parseFilters } from './filter.ts'
import type { PruneOptions, PruneResult } from './types.ts'

/**
 * Removes what the store keeps and nobody uses: results of steps, caches, packed layers, images without a name. Beside running builds,
 * which keep what they use. Where space is named, only as much goes as that asks for, what is worth least first.
 * @throws TsbError `TSB_USAGE_INVALID_VALUE`, `TSB_REMOVE_FAILED`
 */
export async function prune({ store, effects }: Session, options: PruneOptions): Promise<PruneResult> {
  const matches = parseFilters(options.filters, effects.now())
  if (!options.dryRun) await store.prepare()
  const collector = await store.collector()
  const bytes = namesSpace(options) ? bytesWanted(options, (await collector.usage()).total, store.layout.root) : undefined
  if (bytes !== undefined && bytes <= 0) return { entries: [], bytes: 0 }
  const { gone, bytes: freed } = await collector.collect({
    all: options.all,
    dryRun: options.dryRun,
    matches: (kept) => matches(entryOf(kept)),
    ...(bytes === undefined ? {} : { bytes }),
  })
  return { entries: gone.map(entryOf), bytes: freed }
}

/** Whether not all that may go shall go. */
function namesSpace({ reservedSpace, maxUsedSpace, minFreeSpace }: PruneOptions): boolean {
  return reservedSpace !== undefined || maxUsedSpace !== undefined || minFreeSpace !== undefined
}

/** How much shall go of a store that takes `total` bytes. */
function bytesWanted({ reservedSpace, maxUsedSpace, minFreeSpace }: PruneOptions, total: number, root: string): number {
  const { bavail, bsize } = statfsSync(root)
  const wishes = [
    ...(maxUsedSpace === undefined ? [] : [total - maxUsedSpace]),
    ...(minFreeSpace === undefined ? [] : [minFreeSpace - bavail * bsize]),
  ]
  const most = total - (reservedSpace ?? 0)
  return wishes.length === 0 ? most : Math.min(most, Math.max(...wishes))
}
