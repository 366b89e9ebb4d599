import type { IgnoreFile } from '../../frontend/index.ts'
import type { ContextDirectory } from '../../snapshotter/context.ts'
import type { Snapshot } from '../../snapshotter/snapshot.ts'

/** What a `local` op's name stands for. Neither is looked at before something needs it. */
export type ContextSource =
  /** A directory of this machine: scanned in every build, without what its ignore file hides. */
  | { readonly kind: 'directory'; readonly open: () => Promise<LocalTree> }
  /** Files that came from elsewhere, as a root; fetched once in a build, however often it is asked for. */
  | { readonly kind: 'remote'; readonly fetch: () => Promise<RemoteTree> }

/** A directory of this machine as a build sees it. */
export interface LocalTree {
  readonly directory: ContextDirectory
  readonly ignore?: IgnoreFile
}

/** A finished checkout, download or unpacked archive. */
export interface RemoteTree {
  readonly snapshot: Snapshot
  /** Seconds since 1970 that stand for the whole, where it has such a time: of the commit, of `Last-Modified`, of the newest file. */
  readonly time?: number
}
