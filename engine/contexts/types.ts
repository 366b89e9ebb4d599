import type { IgnoreFile } from '../../frontend/index.ts'
import type { ContextDirectory } from '../../snapshotter/context.ts'
import type { Environment } from '../host.ts'
import type { FetchedTree } from '../remote/keep.ts'
import type { Keep } from '../remote/types.ts'
import type { BuildOptions } from '../types.ts'

/** What a `local` op's name stands for. Neither is looked at before something needs it. */
export type ContextSource = LocalSource | RemoteSource

/** A directory of this machine: scanned in every build, without what its ignore file hides. */
export interface LocalSource {
  readonly kind: 'directory'
  readonly open: () => Promise<LocalTree>
}

/** Files that came from elsewhere, as a root; fetched once in a build, however often it is asked for. */
export interface RemoteSource {
  readonly kind: 'remote'
  readonly fetch: (fetching: Fetching) => Promise<RemoteTree>
  /** Where the tree has no time of its own: that of the newest file in it, were it unpacked. */
  readonly newest?: (fetching: Fetching) => Promise<number | undefined>
}

/** What contexts are opened with. */
export interface ContextHost {
  readonly options: BuildOptions
  readonly env: Environment
  /** Where what is fetched goes: asked for when something is. */
  readonly keep: () => Promise<Keep>
}

/** Who waits for something to be fetched. */
export interface Fetching {
  readonly signal: AbortSignal
  /** Bytes of `item` that have arrived. */
  readonly progress: (item: string, current: number, total?: number) => void
}

/** A directory of this machine as a build sees it. */
export interface LocalTree {
  readonly directory: ContextDirectory
  readonly ignore: IgnoreFile | undefined
}

/** A finished checkout, download or unpacked archive. */
export type RemoteTree = FetchedTree
