import { type Canonical, canonicalDigest } from '../../core/canonical.ts'
import type { Digest } from '../../core/digest.ts'
import type { BindMount, CacheMount, RunMount } from '../../core/mount.ts'
import type { RunOp } from '../../core/op.ts'
import type { TreeEntry } from '../../native/types.ts'
import type { SnapshotterContext } from '../../snapshotter/snapshot.ts'
import { sourceMissing } from '../drivers/missing.ts'
import { type StepResult, treeOf } from '../drivers/result.ts'

/** What a path of a result is: its content, and where it led. */
export interface MountedPath {
  readonly digest: Digest
  readonly entry: TreeEntry
}

/**
 * What a RUN's key says of its mounts. Of binds the content counts, which is in the input's digest, and not its path there. Of
 * caches only what they begin with: never what is in them, nor what they are called, nor how they are shared. Secrets and agents
 * have names, no values.
 */
export function mountFacts(mount: RunMount): Canonical {
  switch (mount.kind) {
    case 'bind': {
      const { source: _source, ...facts } = mount
      return facts
    }
    case 'cache': {
      const { id: _id, sharing: _sharing, source, ...facts } = mount
      return mount.from === undefined ? { ...facts, source } : facts
    }
    case 'tmpfs':
    case 'secret':
    case 'ssh':
      return { ...mount }
  }
}

/** Digest of exactly what the mounts of a RUN take from one input. @throws TsbError `TSB_MOUNT_SOURCE_MISSING` */
export async function mountedDigest(context: SnapshotterContext, op: RunOp, input: StepResult, index: number): Promise<Digest> {
  const sources = op.mounts.filter((mount) => inputOf(mount) === index).map((mount) => (mount as BindMount | CacheMount).source)
  const paths = await Promise.all(sources.map((source) => mountedPath(context, input, source)))
  return canonicalDigest(paths.map(({ digest }) => digest))
}

/** Looks a mount's source up, links followed. @throws TsbError `TSB_MOUNT_SOURCE_MISSING` */
export async function mountedPath(context: SnapshotterContext, input: StepResult, path: string): Promise<MountedPath> {
  const treesDirectory = context.store.layout.trees
  const { digest, entries } = await context.native.select({ treesDirectory, tree: treeOf(input), paths: [path] })
  const entry = entries[0]
  if (entry === null || entry === undefined) throw await sourceMissing(context, input, path, 'TSB_MOUNT_SOURCE_MISSING')
  return { digest, entry }
}

function inputOf(mount: RunMount): number | undefined {
  if (mount.kind === 'bind') return mount.input
  return mount.kind === 'cache' ? mount.from : undefined
}
