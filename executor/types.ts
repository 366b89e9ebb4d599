/** One process in a root: what every executor (runc now, the built-in runner later) is asked for. */
export interface ProcessSpec {
  /** Unique on this machine; names the container and its cgroup. */
  readonly id: string
  /** The overlay that becomes `/`, bottom layer first. */
  readonly layers: readonly string[]
  /** Where the process's writes go. Fresh empty directories on one file system. */
  readonly upper: string
  readonly work: string
  readonly args: readonly string[]
  /** `NAME=value`, complete; HOME is added from passwd when missing. May hold secrets: no disk ever sees it. */
  readonly env: readonly string[]
  /** Absolute; made 0755 when missing, owned by the user. */
  readonly cwd: string
  /** As in an image config: `name`, `uid`, either with `:group`; empty is root. Looked up in the root's passwd and group. */
  readonly user: string
  readonly hostname: string
  readonly network: NetworkMode
  /** In a network of its own any user may listen below port 1024 and ping, as `docker run` has it; builds do without. */
  readonly openPorts?: boolean
  readonly mounts: readonly Mount[]
  /** Lines for /etc/hosts besides the usual ones: [name, address]. */
  readonly extraHosts: readonly (readonly [string, string])[]
  /** A pseudo-terminal on the caller's own (`tsbuild run -t`). */
  readonly terminal: boolean
  /** `insecure`: every capability and device, no system call filter, nothing of the kernel hidden or read-only. */
  readonly security: 'sandbox' | 'insecure'
  /** Read-only view of the root. */
  readonly readonlyRoot: boolean
}

export type NetworkMode = 'default' | 'none' | 'host'

/** What the container sees besides its root. Targets are absolute; those that lie in another's target come after it. */
export type Mount = HostMount | TreeMount | TmpfsMount | FileMount

/** Something of the machine: a directory, a file, a socket. The path is opened when the container starts. */
export interface HostMount {
  readonly kind: 'host'
  readonly source: string
  readonly target: string
  readonly readonly: boolean
}

/** A path of some layers, or of a directory, which is then the `upper` alone. */
export interface TreeMount {
  readonly kind: 'tree'
  /** Overlay layers, bottom first. */
  readonly layers: readonly string[]
  /** Where writes go: needed for a mount that is not read-only, and where there are no layers. */
  readonly upper?: {
    readonly path: string
    /** Fresh and empty, on the same file system; not used without layers. */
    readonly work: string
  }
  /** `/` anchored; links in it are followed and never lead out of the tree. */
  readonly source: string
  readonly target: string
  readonly readonly: boolean
}

/** Memory that ends with the container. */
export interface TmpfsMount {
  readonly kind: 'tmpfs'
  readonly target: string
  /** Bytes; absent is unlimited. */
  readonly size?: number
  readonly readonly: boolean
}

/** A file in memory, read-only: no disk ever sees its content. */
export interface FileMount {
  readonly kind: 'file'
  readonly content: Uint8Array
  readonly target: string
  /** Permission bits alone. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** Where the process's streams go: straight to ours, or to the caller in chunks. */
export type ProcessIo =
  /** Without `stdin` the process shares ours; `ignore` gives it an empty one (`tsbuild run` without `-i`). */
  | { readonly kind: 'inherit'; readonly stdin?: 'ignore' }
  | { readonly kind: 'capture'; readonly onOutput: (stream: 'stdout' | 'stderr', data: Uint8Array) => void }

/** How it ended. Not starting at all is an outcome too: the caller decides what it means. */
export type ProcessOutcome =
  | { readonly kind: 'exited'; readonly code: number; readonly durationMs: number }
  | { readonly kind: 'signaled'; readonly signal: number; readonly durationMs: number }
  /** The command was not found (docker's 127) or could not be executed (126). */
  | { readonly kind: 'not-started'; readonly reason: 'not-found' | 'not-executable'; readonly message: string }

/** Disposing it ends what it keeps for the next container; none may run then. */
export interface Executor extends AsyncDisposable {
  /** A process is likely to be run soon: makes ahead what it will need. Never fails. */
  prepare(spec: Pick<ProcessSpec, 'network'>): void
  /**
   * Runs one process to its end. Aborting `signal` kills everything in the container at once; the promise then
   * rejects with `TSB_INTERRUPTED`. Afterwards no mount, process, cgroup or namespace of it is left, whatever happened.
   * @throws TsbError `TSB_RUNTIME_MISSING`, `TSB_RUNTIME_FAILED`, `TSB_USER_UNKNOWN`, `TSB_PRIVILEGE_MISSING`, `TSB_NETWORK_FAILED`,
   * `TSB_MOUNT_SOURCE_MISSING`, `TSB_MOUNT_TARGET`
   */
  run(spec: ProcessSpec, io: ProcessIo, control: ProcessControl): Promise<ProcessOutcome>
}

export interface ProcessControl {
  readonly signal: AbortSignal
  /** Called once the container runs, with a way to send it signals by number (`tsbuild run`). */
  readonly onStarted?: (send: (signal: number) => void) => void
}
