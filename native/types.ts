import type { Digest } from '../core/digest.ts'
import type { FileMode } from '../core/file-mode.ts'
import type { Compression } from '../core/media-types.ts'
import type { FileChanges } from '../core/miss.ts'
import type { MakeDirectoryAction, WriteAction } from '../core/op.ts'

/**
 * What crosses the boundary to the Rust core. Calls are few and large, run off the main thread,
 * take an `AbortSignal`, and fail with a `TsbError` rebuilt from the envelope that Rust sends
 * (`code`, `message`, `path`, `errno`).
 * Names that are not UTF-8 come as strings in which byte 0xNN stands as the lone surrogate U+DCNN.
 */
export interface Native {
  /** Walks a user's directory, hashes what changed since last time, and writes its tree index. */
  scan(request: ScanRequest, signal?: AbortSignal): Promise<ScanResult>
  /** Looks paths up in a tree index (links followed, never out of the root) and digests what is there. */
  select(request: SelectRequest, signal?: AbortSignal): Promise<SelectResult>
  /** Bytes that a copy of what `select` would digest takes on a disk: whole blocks, holes included. */
  weigh(request: SelectRequest): Promise<number>
  /** The entries of one directory of a tree, sorted by name; empty when there is no such directory. */
  list(request: ListRequest): Promise<readonly TreeEntry[]>
  /** Carries out file actions on the merged root of layers: the upper holds the change afterwards, and what `commit` says of it comes back. */
  change(request: ChangeRequest, signal?: AbortSignal): Promise<CommitResult>
  /** Indexes an overlay upper and merges it over the tree of its parent. */
  commit(request: CommitRequest, signal?: AbortSignal): Promise<CommitResult>
  /**
   * Makes the tree of what shows when the root `upper`, which stands on nothing, is laid over the root `lower` as a layer; `null` where
   * a copy of its files would make something else, because a directory is not the same in both, or something else is in the way.
   */
  layOver(request: LayOverRequest): Promise<Digest | null>
  /** The `delta` that `commit` found in an overlay upper; everything is read, nothing is changed. */
  delta(upper: string): Promise<Digest>
  /** How two trees differ in what `select` takes of them at some paths: told in the order of the paths, walked side by side. */
  diff(request: DiffRequest): Promise<FileChanges>
  /** Opens a file that somebody still writes, for `applyLayer`. @throws TsbError `TSB_LAYER_READ` */
  arrival(path: string): Arrival
  /** Unpacks a layer blob, or an archive of the user's, as an overlay layer. */
  applyLayer(request: ApplyLayerRequest, signal?: AbortSignal): Promise<ApplyLayerResult>
  /** Turns an overlay upper into a layer tar: digests it, and packs and writes it when `output` is given. */
  writeLayer(request: WriteLayerRequest, signal?: AbortSignal): Promise<WriteLayerResult>
  /** Packs a layer's blob anew: the tar in it stays the same. */
  repackLayer(request: RepackLayerRequest, signal?: AbortSignal): Promise<WriteLayerResult>
  /** Writes files, among them blobs that are verified on the way, as one tar. */
  writeBundle(request: WriteBundleRequest, signal?: AbortSignal): Promise<void>
  /** Writes the merged root of `layers` as one plain tar (`docker buildx build --output type=tar`). */
  exportTar(request: ExportTarRequest, signal?: AbortSignal): Promise<void>
  /** Copies the merged root of `layers` into a directory of the user (`--output type=local`). */
  exportDirectory(request: ExportDirectoryRequest, signal?: AbortSignal): Promise<void>
  /** The first bytes of a regular file in the merged root of `layers`, links followed inside it; `null` when absent. */
  readFile(request: ReadFileRequest): Promise<Uint8Array | null>
  /** What each path and all below it take on the disk, in order; a file with several names counts once. What is absent takes nothing. */
  measure(paths: readonly string[]): Promise<readonly Measured[]>
  /** Removes directory trees, whatever is in them; what is absent already is no error. */
  remove(paths: readonly string[]): Promise<void>
  /** Makes everything written to the file system that holds `path` durable (syncfs). */
  sync(path: string): Promise<void>
  /** SHA-256 of a small document, at once. It is there without loading Node's own, which takes a cached build 4 ms. */
  sha256(bytes: Uint8Array): Digest
  /** Starts the same in a process of its own, and calls `onDone` after success if this one still lives then. */
  startSync(path: string, onDone: () => void): void
}

/** Allocated bytes, directories included. */
export interface Measured {
  readonly bytes: number
  readonly entries: number
}

/** One compiled ignore rule; the last rule that matches decides. */
export interface IgnoreRule {
  /** Matches a whole path without leading slash. A path below a matched directory counts as matched. */
  readonly regex: string
  /** A `!` rule. */
  readonly negated: boolean
}

export interface ScanRequest {
  /** Absolute. */
  readonly root: string
  /** Only what lies at or below these (`/` anchored, cleaned, no wildcards); empty scans everything. */
  readonly prefixes: readonly string[]
  readonly rules: readonly IgnoreRule[]
  readonly treesDirectory: string
  /** File that remembers stat tuples and hashes of this root; absent: read every file. */
  readonly statIndex?: string
  /** Believe nothing of the stat index: read every file, and write the index anew. */
  readonly readAll?: boolean
}

export interface ScanResult {
  /** Owners are reset to 0:0, as docker does with a context. */
  readonly tree: Digest
  readonly entries: number
  readonly bytes: number
  /** Files that had to be read. */
  readonly hashed: number
}

export interface SelectRequest {
  readonly treesDirectory: string
  readonly tree: Digest
  /** `/` anchored, cleaned, no wildcards. */
  readonly paths: readonly string[]
  /** Only what it takes of directories counts. */
  readonly filter?: CopyFilter
}

/** What is taken of each directory that a copy names, by paths relative to that. What is named itself is always taken. */
export interface CopyFilter {
  /** Only what matches, with the directories on the way to it; absent: everything. */
  readonly include?: readonly IgnoreRule[]
  readonly exclude: readonly IgnoreRule[]
}

export interface SelectResult {
  /** Over the selected paths' names (last component), types, modes, owners, xattrs, link targets and content, without mtimes. */
  readonly digest: Digest
  /** One per path, in order; `null` where nothing is there. */
  readonly entries: readonly (TreeEntry | null)[]
  /** One per path: nothing is taken, since nothing is there, or the filter leaves nothing of the directory. */
  readonly empty: readonly boolean[]
}

export interface DiffRequest {
  readonly treesDirectory: string
  /** Trees. */
  readonly from: Digest
  readonly to: Digest
  /** As of `SelectRequest`; what is at none of them in either tree does not count. */
  readonly paths: readonly string[]
  readonly filter?: CopyFilter
  /** So many changes are told; all are counted. */
  readonly limit: number
}

export interface ListRequest {
  readonly treesDirectory: string
  readonly tree: Digest
  readonly directory: string
}

export type EntryType = 'file' | 'directory' | 'symlink' | 'character' | 'block' | 'fifo' | 'socket'

export interface TreeEntry {
  /** `/` anchored; for `select`, where the path led after following links. */
  readonly path: string
  readonly type: EntryType
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
}

/** Directories of an overlay, bottom layer first. Each is an overlay upper: whiteouts are 0:0 devices, opaque is an xattr. */
export type LayerPaths = readonly string[]

export interface ChangeRequest {
  readonly layers: LayerPaths
  /** Tree of what the layers show together; absent where there is none. */
  readonly parent?: Digest
  /** Fresh empty directory. */
  readonly upper: string
  readonly sources: readonly ChangeSource[]
  readonly actions: readonly ChangeAction[]
  readonly treesDirectory: string
}

/**
 * Where a copy takes files from: a directory of the user (listed by its tree index, so what is ignored is not copied;
 * content is hashed while it is copied and compared with the index), or the merged root of some layers.
 */
export type ChangeSource =
  | { readonly kind: 'directory'; readonly root: string; readonly tree: Digest }
  | { readonly kind: 'layers'; readonly layers: LayerPaths; readonly tree: Digest }

export type ChangeAction =
  | {
      readonly kind: 'copy'
      /** Index into `sources`. */
      readonly source: number
      /** `/` anchored, wildcards already resolved; in order. */
      readonly paths: readonly string[]
      /** Absolute; a trailing slash says that it is a directory. */
      readonly destination: string
      /** `user[:group]`, numbers or names of the destination root; absent keeps the source's owner. */
      readonly chown?: string
      readonly chmod?: FileMode
      /** ADD: unpack sources that are tar archives (plain, gzip, bzip2, xz, zstd; told by content). */
      readonly unpack: boolean
      readonly filter?: CopyFilter
    }
  /** Written as UTF-8. */
  | WriteAction
  | MakeDirectoryAction

export interface CommitRequest {
  /** The overlay upper. */
  readonly upper: string
  /** Tree of the root below it; absent: an empty root. */
  readonly parent?: Digest
  readonly treesDirectory: string
  /** Directories (relative, from `applyLayer`) that take their metadata from the parent's tree first. */
  readonly implicit?: readonly string[]
  /** What `applyLayer` has left there: the upper is not walked and none of its files is read. */
  readonly delta?: string
}

export interface CommitResult {
  /** Tree of the merged root. Its index stands in `treesDirectory` under the digest's hex. */
  readonly tree: Digest
  /** Of the change alone: equal for equal uppers, without mtimes. */
  readonly delta: Digest
  /** Entries and content bytes in the upper. */
  readonly entries: number
  readonly bytes: number
}

export interface LayOverRequest {
  readonly treesDirectory: string
  /** Trees. */
  readonly lower: Digest
  readonly upper: Digest
}

/**
 * A file that is still being written: how far it has come, or how it ended. Its writer tells this; a reader waits for more,
 * and knows the file by itself, since it may get another name meanwhile.
 */
export interface Arrival {
  /** So many bytes of it are there. */
  reached(bytes: number): void
  /** All of it is there. */
  end(): void
  /** The rest will not come; whoever reads it fails with `TSB_INTERRUPTED`. */
  fail(): void
}

export interface ApplyLayerRequest {
  readonly blob: string
  /** The blob still comes in: it is read through this, as it grows. */
  readonly arrival?: Arrival
  /**
   * How a layer is packed. Absent: it is no layer but an archive of files, which tells itself (plain, gzip, bzip2, xz, zstd);
   * names that mark deletions in layers are names like others then, and an entry for the root itself changes nothing.
   */
  readonly compression?: Compression
  /** Fresh empty directory that becomes the overlay layer. */
  readonly destination: string
  /**
   * Refuse when the plain tar is more than this many times the blob (a decompression bomb). Absent: 1000 times, but
   * never below 1 GiB, and blocks of zeros, which are unpacked as holes, count for a hundredth.
   */
  readonly maxRatio?: number
  /** Layers below: where a hard link is looked up whose target is not in this layer. */
  readonly lower?: LayerPaths
  /** File to write the layer's index to: `CommitRequest.delta`. */
  readonly delta?: string
}

export interface ApplyLayerResult {
  /** SHA-256 of the plain tar. */
  readonly diffId: Digest
  /** Bytes of the plain tar. */
  readonly size: number
  /** Directories that the tar leaves unsaid but that its entries need, relative; see `CommitRequest.implicit`. */
  readonly implicit: readonly string[]
  /** Latest modification time of a regular file in it, in seconds since 1970; `null` without files. */
  readonly newest: number | null
}

export interface WriteLayerRequest {
  readonly upper: string
  /** Absent: digests only, nothing is written or compressed. The file must not exist. */
  readonly output?: string
  /** Seconds since 1970: later times of files become this one. */
  readonly latest?: number
  readonly compression: Compression
  readonly level?: number
}

export interface WriteLayerResult {
  /** SHA-256 and size of the plain tar. */
  readonly diffId: Digest
  readonly plainSize: number
  /** SHA-256 and size of what was written; equal to the plain ones without `output`. */
  readonly digest: Digest
  readonly size: number
}

export interface RepackLayerRequest {
  readonly blob: string
  /** How the blob is packed now. */
  readonly from: Compression
  /** The file must not exist. */
  readonly output: string
  readonly compression: Compression
  readonly level?: number
}

export interface WriteBundleRequest {
  /** In order; their directories are written before them. */
  readonly files: readonly BundleFile[]
  readonly output: OutputFile
}

export type BundleFile =
  /** A document: its bytes as hex digits. */
  | { readonly name: string; readonly hex: string }
  /** A blob, hashed while it is copied unless that was done before; the last bytes of a damaged one are never written. */
  | { readonly name: string; readonly path: string; readonly digest: Digest; readonly size: number; readonly verified: boolean }

/** A file by path (created, truncated) or by an open descriptor (written to, not closed). */
export type OutputFile = { readonly path: string } | { readonly fd: number }

export interface ExportTarRequest {
  readonly layers: LayerPaths
  /** Seconds since 1970: the time of everything. */
  readonly time?: number
  readonly output: OutputFile
}

export interface ExportDirectoryRequest {
  readonly layers: LayerPaths
  /** As of `ExportTarRequest`. */
  readonly time?: number
  /** Created with its parents when absent; existing files in it are replaced, others stay. */
  readonly destination: string
}

export interface ReadFileRequest {
  readonly layers: LayerPaths
  /** Absolute in the root. */
  readonly path: string
  readonly maxBytes: number
}
