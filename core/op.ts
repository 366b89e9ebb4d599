import type { Digest } from './digest.ts'
import type { FileMode } from './file-mode.ts'
import type { RunMount } from './mount.ts'
import type { Platform } from './platform.ts'

/**
 * What a vertex does: a closed union. A new kind does not compile until the engine has a driver for it.
 * Inputs are not part of an op: they are the edges of the graph, and ops name them by index.
 */
export type Op = ScratchOp | ImageOp | LocalOp | HttpOp | GitOp | RunOp | FileOp | MergeOp

export type OpKind = Op['kind']

/** The op of one kind. */
export type OpOf<K extends OpKind> = Extract<Op, { kind: K }>

/** An empty root. No inputs. */
export interface ScratchOp {
  readonly kind: 'scratch'
}

/** The root of a base image, pinned. No inputs. */
export interface ImageOp {
  readonly kind: 'image'
  /** Canonical reference, as resolved (for display and for fetching). */
  readonly reference: string
  /** The image ID: SHA-256 of its config, which pins the content of its layers, however they are packed. */
  readonly image: Digest
  readonly platform: Platform
}

/** A context: a directory of the user's machine, or what the user fetches from elsewhere. No inputs. Never a root by itself: file ops copy from it. */
export interface LocalOp {
  readonly kind: 'local'
  /** `context`, or the name of a named context. */
  readonly name: string
  /** Paths below the context that some step reads (`/` anchored, globs possible); empty means all of it. */
  readonly paths: readonly string[]
}

/** A file of the web: a root with one file of this name, mode 0600, as old as the server says. No inputs. */
export interface HttpOp {
  readonly kind: 'http'
  readonly url: string
  readonly name: string
  /** SHA-256 that its content must have. */
  readonly checksum?: Digest
}

/** The files of a git repository at a ref, as a root. No inputs. */
export interface GitOp {
  readonly kind: 'git'
  /** What git is given. Credentials may stand in it. */
  readonly remote: string
  /** Branch, tag, full name of a ref, or commit; empty is the default branch. */
  readonly ref: string
  /** Directory in it that stands for the whole; empty is the whole. */
  readonly subdir: string
  /** Beginning of the commit that `ref` has to lead to. */
  readonly checksum?: string
  readonly keepGitDir: boolean
  readonly submodules: boolean
  /** Times of the files: when they were checked out, or that of the commit. */
  readonly mtime: 'checkout' | 'commit'
}

/** One process in a container. Input 0 is its root; mounts name further inputs. */
export interface RunOp {
  readonly kind: 'run'
  readonly args: readonly string[]
  /** `NAME=value`, in order. */
  readonly env: readonly string[]
  /** Names of those that ARG set: values that the user gives, which no record holds as they are. */
  readonly argNames: readonly string[]
  /** Proxy variables: seen by the process, left out of the key. */
  readonly proxyEnv: readonly string[]
  readonly cwd: string
  /** As in the image config: `name`, `uid`, either with `:group`; empty is root. */
  readonly user: string
  readonly network: 'default' | 'none' | 'host'
  /** `insecure`: without the sandbox's restrictions; the user has to allow it. */
  readonly security: 'sandbox' | 'insecure'
  readonly mounts: readonly RunMount[]
}

/** Changes to a root made without a container, all in one layer. Input 0 is the root. */
export interface FileOp {
  readonly kind: 'file'
  readonly actions: readonly FileAction[]
}

/**
 * COPY --link: input 1, what the actions make on nothing, is laid over the root of input 0 where that gives what the actions make on that
 * root; elsewhere they are carried out there. Their inputs come behind: what they call 1 is input 2 here.
 */
export interface MergeOp {
  readonly kind: 'merge'
  readonly actions: readonly FileAction[]
}

export type FileAction = CopyAction | WriteAction | MakeDirectoryAction

/** COPY and ADD of local files. */
export interface CopyAction {
  readonly kind: 'copy'
  /** Index of the vertex input to copy from (1 or more). */
  readonly input: number
  /** Cleaned, `/` anchored, wildcards as in Go's `filepath.Match`. */
  readonly sources: readonly string[]
  /** Absolute; a trailing slash says that it is a directory. */
  readonly destination: string
  /** As written after `--chown`, variables expanded: `user[:group]`, looked up in the root's passwd and group. */
  readonly chown?: string
  readonly chmod?: FileMode
  /**
   * `--parents`: of each source, a directory, only what matches this pattern below it, with the directories on the way.
   * Without wildcards there has to be something.
   */
  readonly parents?: string
  /** `--exclude`: patterns of an ignore file, for paths below each source that is a directory. */
  readonly exclude?: readonly string[]
  /** ADD: unpack sources that are tar archives. */
  readonly unpack: boolean
}

/** A file whose content stands in the Dockerfile: a here-document of COPY or ADD, or the script of a RUN. */
export interface WriteAction {
  readonly kind: 'write'
  /** What it is called where the destination is a directory. */
  readonly name: string
  readonly content: string
  /** As of a copy. */
  readonly destination: string
  /** Of the file, unless `chmod` says something else. */
  readonly mode: number
  readonly chown?: string
  readonly chmod?: FileMode
}

/** WORKDIR: make a directory and its missing parents; one that exists stays as it is. */
export interface MakeDirectoryAction {
  readonly kind: 'make-directory'
  readonly path: string
  readonly mode: number
  /** Looked up in the root as for `--chown`; empty is root. */
  readonly owner: string
  /** Of the directories that are made, in seconds since 1970; absent: when they are made. */
  readonly time?: number
}
