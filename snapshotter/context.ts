import { join } from 'node:path'
import { blake3Digest, hexOf } from '../core/digest.ts'
import type { IgnoreRule, ScanResult } from '../native/types.ts'
import type { SnapshotterContext } from './snapshot.ts'

/** A directory of the user, as a build sees it. */
export interface ContextDirectory {
  /** Absolute, links resolved. */
  readonly root: string
  readonly rules: readonly IgnoreRule[]
  /** `--no-stat-cache`: read every file, whatever earlier scans remember of it. */
  readonly readAll: boolean
}

/**
 * Scans a build context. Contents are remembered by stat tuples (git's racy-clean rule) in one file per root and rules;
 * two checkouts never share one.
 */
export async function scanContext(
  context: SnapshotterContext,
  directory: ContextDirectory,
  prefixes: readonly string[],
  signal: AbortSignal,
): Promise<ScanResult> {
  const { store, native } = context
  return native.scan(
    {
      root: directory.root,
      prefixes,
      rules: directory.rules,
      treesDirectory: store.layout.trees,
      statIndex: join(store.layout.contexts, `${hexOf(blake3Digest(directory.root))}.stat`),
      readAll: directory.readAll,
    },
    signal,
  )
}
