import { chmodSync, chownSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { canonicalDigest } from '../../core/canonical.ts'
import type { Graph } from '../../core/graph.ts'
import type { CacheMount } from '../../core/mount.ts'
import type { Mount } from '../../executor/types.ts'
import { CONTENT, openCache, type SeedCache } from '../../snapshotter/caches.ts'
import type { SnapshotterContext } from '../../snapshotter/snapshot.ts'
import type { CacheRequest } from '../../store/caches.ts'
import type { StepResult } from '../drivers/result.ts'
import type { Session } from '../session.ts'
import { copyPath } from './copies.ts'
import { mountedPath } from './sources.ts'

/** BuildKit makes the directory under this mask, and without the bits above the permissions. */
const UMASK = 0o022

/** The caches that a step mounts, added to `held`; each once: two mounts of one cache must not wait for each other. */
export async function openCaches(
  context: SnapshotterContext,
  mounts: readonly CacheMount[],
  inputs: readonly StepResult[],
  held: AsyncDisposable[],
  signal: AbortSignal,
): Promise<ReadonlyMap<CacheMount, Mount>> {
  const wanted = await Promise.all(mounts.map(async (mount) => ({ mount, request: await requestOf(context, mount, inputs) })))
  const paths = new Map<string, string>()
  // In one order everywhere: steps that wait for each other's caches would wait for ever.
  for (const { mount, request } of wanted.toSorted((a, b) => (a.request.identity < b.request.identity ? -1 : 1))) {
    if (paths.has(request.identity)) continue
    const cache = await openCache(context, request, seedOf(context, mount, inputs, signal), signal)
    held.push(cache)
    paths.set(request.identity, cache.path)
  }
  return new Map(wanted.map(({ mount, request }) => [mount, mountOf(mount, paths.get(request.identity) ?? '')]))
}

/** Steps that look for no earlier result begin with empty caches, as with BuildKit. Before the first of them runs. */
export async function pruneCaches({ store, native }: Session, { vertices }: Graph): Promise<void> {
  const names = vertices.flatMap(({ op, ignoreCache }) =>
    op.kind === 'run' && ignoreCache ? op.mounts.flatMap((mount) => (mount.kind === 'cache' ? [mount.id] : [])) : [],
  )
  if (names.length > 0) await native.remove(store.caches.prune([...new Set(names)]))
}

/**
 * A cache is known by its name and by what it begins with. Of what it is taken from only the mounted path counts, which BuildKit
 * does not see: it would begin anew whenever anything else in the stage is another.
 */
async function requestOf(context: SnapshotterContext, mount: CacheMount, inputs: readonly StepResult[]): Promise<CacheRequest> {
  const { id, sharing, from, source, mode, uid, gid } = mount
  const beginning =
    from === undefined ? { mode, uid, gid } : { source, content: (await mountedPath(context, inputOf(inputs, from), source)).digest }
  return { identity: canonicalDigest({ id, ...beginning }), name: id, sharing }
}

function seedOf(context: SnapshotterContext, mount: CacheMount, inputs: readonly StepResult[], signal: AbortSignal): SeedCache {
  const { from, source, mode = 0o755, uid = 0, gid = 0 } = mount
  return async (directory) => {
    if (from !== undefined) {
      await copyPath(context, inputOf(inputs, from), source, directory, signal)
      // Once in a cache's life: nobody would notice later that a power cut took some of it.
      await context.native.sync(directory)
      return
    }
    const content = join(directory, CONTENT)
    mkdirSync(content)
    chmodSync(content, mode & 0o777 & ~UMASK)
    chownSync(content, uid, gid)
  }
}

function mountOf({ from, source, target, readonly }: CacheMount, path: string): Mount {
  if (!statSync(path).isDirectory()) return { kind: 'host', source: path, target, readonly }
  // Work is what overlays need.
  const upper = { path, work: path }
  return { kind: 'tree', layers: [], upper, source: from === undefined ? source : '/', target, readonly }
}

function inputOf(inputs: readonly StepResult[], index: number): StepResult {
  const input = inputs[index]
  if (input === undefined) throw new Error(`no input ${index}`)
  return input
}
