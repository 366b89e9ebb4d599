import { mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { interrupted } from '../core/error.ts'
import type { CacheRequest, CacheUse } from '../store/caches.ts'
import { makeDirectories } from '../store/directories.ts'
import type { SnapshotterContext } from './snapshot.ts'

/** A cache that a step has mounted. Disposing gives it back. */
export interface OpenCache extends AsyncDisposable {
  /** What it is: a directory, or the one file that it began with. */
  readonly path: string
}

/** What a new cache begins with: makes `CONTENT` in the fresh directory that it is given. */
export type SeedCache = (directory: string) => Promise<void>

/** The name of a cache's content in its directory. */
export const CONTENT = 'content'

/** How often a cache that somebody has is asked for again. */
const POLL_MS = 50

/**
 * Gets the cache that a mount asks for, waiting while others have it; a new one is made by `seed`. What a step writes stays, however
 * the step ends.
 * @throws TsbError `TSB_INTERRUPTED`, and what `seed` throws
 */
export async function openCache(
  context: SnapshotterContext,
  request: CacheRequest,
  seed: SeedCache,
  signal: AbortSignal,
): Promise<OpenCache> {
  const { store, native } = context
  await store.prepare()
  let use = store.caches.acquire(request)
  while (use === 'busy') {
    await sleep(POLL_MS, undefined, { signal }).catch(() => Promise.reject(interrupted()))
    use = store.caches.acquire(request)
  }
  const held = use
  const release = async (): Promise<void> => {
    if (store.caches.release(held)) await native.remove([held.directory])
  }
  try {
    if (held.isNew) await make(context, held, seed)
  } catch (error) {
    await release()
    throw error
  }
  return { path: join(held.directory, CONTENT), [Symbol.asyncDispose]: release }
}

/** Whole or not at all: it is made where the next process clears away what a dead one left. */
async function make({ store, native, effects }: SnapshotterContext, use: CacheUse, seed: SeedCache): Promise<void> {
  const directory = join(store.leases.own().directory, `cache-${effects.randomId()}`)
  mkdirSync(directory, { mode: 0o700 })
  try {
    await seed(directory)
    makeDirectories(store.layout.caches, 0o700)
    renameSync(directory, use.directory)
  } catch (error) {
    await native.remove([directory])
    throw error
  }
  store.caches.publish(use)
}
