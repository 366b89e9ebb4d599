/** What the store takes on the disk. */
export interface DiskUsage {
  /** Everything, the largest first; the bytes of all of them are the total. */
  readonly entries: readonly DiskEntry[]
  readonly images: readonly ImageUsage[]
  /** Allocated bytes below the store's root. */
  readonly total: number
}

/** One thing that the store keeps. */
export interface DiskEntry {
  /** 25 characters, of which `prune --filter id=` takes the first few. */
  readonly id: string
  /** In BuildKit's words, and `image`, `blob`, `source.http`. */
  readonly type: string
  readonly description: string
  /** Allocated; of what several entries need with the one that was used last. */
  readonly bytes: number
  readonly isShared: boolean
  readonly isReclaimable: boolean
  /** By a running process. */
  readonly inUse: boolean
  /** Milliseconds since 1970. */
  readonly created: number
  readonly used: number
}

/** What the layers of an image with a name take. */
export interface ImageUsage {
  readonly names: readonly string[]
  readonly bytes: number
  /** Of layers that no other image with a name has. */
  readonly unique: number
}

export interface PruneOptions {
  /** As `docker buildx prune --filter`: `KEY=VALUE`, `KEY!=VALUE`, `KEY~=REGEX`; all have to hold. */
  readonly filters: readonly string[]
  /** Also what is there with an image that has a name, as far as it can be had again. */
  readonly all: boolean
  readonly dryRun: boolean
  /** Bytes that are left alone, whatever else is asked. */
  readonly reservedSpace?: number
  /** Bytes that the store may take: no more is removed than that asks for. */
  readonly maxUsedSpace?: number
  /** Bytes of the disk that shall be free: likewise. */
  readonly minFreeSpace?: number
}

export interface PruneResult {
  /** What has gone, in that order; the bytes are those that came free with it. */
  readonly entries: readonly DiskEntry[]
  readonly bytes: number
}
