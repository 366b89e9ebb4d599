/**
 * What `RUN --mount` adds to a step's container (Dockerfile reference, "RUN --mount"): a closed union. Targets are absolute and
 * clean; mounts are made in their order.
 */
export type RunMount = BindMount | CacheMount | TmpfsMount | SecretMount | SshMount

/** A path of another vertex. What is written to a writable one is thrown away. */
export interface BindMount {
  readonly kind: 'bind'
  /** Index of the vertex input to mount from (1 or more). */
  readonly input: number
  /** A directory or a file, `/` anchored and clean. */
  readonly source: string
  readonly target: string
  readonly readonly: boolean
}

/** A directory that outlives the build; never part of a layer or a key. */
export interface CacheMount {
  readonly kind: 'cache'
  /** Together with what it begins with, this says which directory it is. */
  readonly id: string
  readonly sharing: CacheSharing
  /** What a new cache begins with, and where in it the mount begins: an input of the vertex, else an empty directory. */
  readonly from?: number
  readonly source: string
  readonly target: string
  /** Of an empty directory that begins the cache. */
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  /** What is written to a read-only one cannot be written at all. */
  readonly readonly: boolean
}

/** `shared`: writers side by side. `private`: another directory while one is busy. `locked`: wait for it. */
export type CacheSharing = 'shared' | 'private' | 'locked'

/** Memory for one step. */
export interface TmpfsMount {
  readonly kind: 'tmpfs'
  readonly target: string
  /** Stays empty. */
  readonly readonly: boolean
  /** Bytes; absent is unlimited. */
  readonly size?: number
}

/** A value of the user's that no layer, key, record or log holds: a file in memory, an environment variable, or both. */
export interface SecretMount {
  readonly kind: 'secret'
  readonly id: string
  /** Absent: no file. */
  readonly target?: string
  /** Name of the variable. */
  readonly env?: string
  /** Fail when the user did not give it; otherwise there is nothing then. */
  readonly required: boolean
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** The socket of an SSH agent of the user's. */
export interface SshMount {
  readonly kind: 'ssh'
  readonly id: string
  readonly target: string
  readonly required: boolean
  readonly mode: number
  readonly uid: number
  readonly gid: number
}
