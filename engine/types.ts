import type { Digest } from '../core/digest.ts'
import type { OnEvent } from '../core/event.ts'
import type { ImageConfig } from '../core/manifest.ts'

export type { CheckReport, Outline, OutlineRequest, TargetList } from '../frontend/index.ts'
export type { DiskEntry, DiskUsage, ImageUsage, PruneOptions, PruneResult } from './disk/types.ts'
export type { Finding, HostCheck, StoreCheck } from './doctor/types.ts'

export type { ExplainedStep, Explanation } from './explain/explanation.ts'
export type { BuildSummary, RecordedBuild, StepCounts } from './history/types.ts'

import type { StepFilter } from '../core/step-filter.ts'
import type { OutputSpec } from '../exporter/types.ts'
import type { CheckReport, Outline, TargetList } from '../frontend/index.ts'
import type { DiskUsage, PruneOptions, PruneResult } from './disk/types.ts'
import type { HostCheck, StoreCheck } from './doctor/types.ts'
import type { Explanation } from './explain/explanation.ts'
import type { BuildSummary, RecordedBuild } from './history/types.ts'

/** The public API: everything the command line does goes through it. Any number of processes may hold one on one store. */
export interface Engine extends AsyncDisposable {
  /** Builds, exports, and names the result. @throws TsbError */
  build(options: BuildOptions, onEvent: OnEvent, signal: AbortSignal): Promise<BuildResult>
  /** Answers a question about the build's Dockerfile; builds and writes nothing. @throws TsbError */
  call(name: CallName, options: BuildOptions, onEvent: OnEvent, signal: AbortSignal): Promise<CallAnswer>
  /** Runs an image (pulled when absent) to its end. Resolves with docker's exit code for whatever the program did. @throws TsbError */
  run(options: RunOptions, signal: AbortSignal): Promise<number>
  /** What this machine offers to builds. Changes nothing. */
  checkHost(): Promise<readonly HostCheck[]>
  /** Holds the store against its digests and itself. Changes nothing, not even a store that is not there. @throws TsbError */
  checkStore(signal: AbortSignal): Promise<StoreCheck>
  /** The images with names, newest first. */
  images(): Promise<readonly ImageSummary[]>
  /** The builds that the history has, the last one first. */
  builds(): Promise<readonly BuildSummary[]>
  /** One of them: by its id or the beginning of it, `^1` for the one before the last; nothing is the last. @throws TsbError `TSB_HISTORY_UNKNOWN` */
  recordedBuild(word: string): Promise<RecordedBuild>
  /** Why the steps of a build ran; `word` as of `recordedBuild`. @throws TsbError `TSB_HISTORY_UNKNOWN` */
  explain(word: string): Promise<Explanation>
  /** Takes builds out of the history. @returns their ids @throws TsbError `TSB_HISTORY_UNKNOWN` */
  forgetBuilds(words: readonly string[] | 'all'): Promise<readonly string[]>
  /** What the store takes on the disk; with filters (as of `PruneOptions`) only what they let pass. */
  diskUsage(filters: readonly string[]): Promise<DiskUsage>
  /** Removes what nobody uses, beside running builds. */
  prune(options: PruneOptions): Promise<PruneResult>
  /** A root file system as one tar (`file` or `-`) becomes an image of one layer called `name`. */
  importRoot(file: string, name: string, signal: AbortSignal): Promise<Digest>
  /** Takes the images out of a docker or OCI archive (`file` or `-`, packed or not) or an OCI layout folder. */
  load(file: string, signal: AbortSignal): Promise<readonly LoadedImage[]>
  /** Writes images with all their layers into one archive (`file` or `-`). */
  save(names: readonly string[], file: string, format: 'docker' | 'oci', signal: AbortSignal): Promise<void>
}

export interface EngineOptions {
  /** Environment of the user: TSBUILD_ROOT, TSBUILD_RUNTIME, DOCKER_CONFIG, SOURCE_DATE_EPOCH, proxies. */
  readonly env: Readonly<Record<string, string | undefined>>
}

export interface BuildOptions {
  /** Directory of the context. */
  readonly context: string
  /** `-f`; a path, relative to the working directory. Default: `Dockerfile` in the context. */
  readonly file?: string
  readonly tags: readonly string[]
  readonly target?: string
  /** A value of `undefined` takes the environment's. */
  readonly buildArgs: readonly (readonly [name: string, value: string | undefined])[]
  readonly labels: readonly (readonly [name: string, value: string])[]
  /** `--build-context NAME=VALUE`: what stands for a stage or an image of that name. */
  readonly contexts: readonly (readonly [name: string, value: string])[]
  readonly noCache: boolean
  /** `--no-cache-filter`: steps that run whatever earlier builds left. */
  readonly noCacheFilter: readonly StepFilter[]
  /** `--volatile`: patterns of paths that do not count when a step that ran again is compared with what it made before. */
  readonly volatile: readonly string[]
  /** Reads every file of the context, whatever the stat tuples of earlier builds say. */
  readonly noStatCache: boolean
  readonly pull: boolean
  /** `--max-disk`: bytes that the store may take, 0 for any number; absent: what TSBUILD_MAX_DISK or the configuration says. */
  readonly maxDisk?: number
  /** `os/arch`; absent is the host's. */
  readonly platform?: string
  /** `--secret`: values for `RUN --mount=type=secret`. */
  readonly secrets: readonly SecretSource[]
  /** `--ssh`: agents for `RUN --mount=type=ssh`. */
  readonly ssh: readonly SshSource[]
  /** `--allow`: what steps may ask for beyond the sandbox. */
  readonly allow: readonly Entitlement[]
  /** Network of RUN where it names none. */
  readonly network: 'default' | 'none' | 'host'
  readonly outputs: readonly OutputSpec[]
  /** Steps that may execute at once; absent: as many as waiting costs little for. */
  readonly maxParallel?: number
  readonly iidFile?: string
}

/** Where a secret comes from: a variable before a file; neither means the variable called `id`, or else the file. */
export interface SecretSource {
  readonly id: string
  readonly env?: string
  readonly file?: string
}

/** An SSH agent: one socket, or files of private keys; nothing is the agent of `SSH_AUTH_SOCK`. */
export interface SshSource {
  readonly id: string
  readonly paths: readonly string[]
}

/** What only the user can grant. */
export type Entitlement = 'network.host' | 'security.insecure'

export interface BuildResult {
  /** Image ID: digest of the config. Absent when only `tar` and `local` outputs were asked for. */
  readonly image?: Digest
  /** Containers started by this build. */
  readonly containersStarted: number
}

/** What `--call` asks: for the findings of the build checks, for what the target can be given, for the stages. */
export type CallName = 'check' | 'outline' | 'targets'

/** `assumed`: bases that could not be looked up, and were taken for images with an empty config. */
export type CallAnswer =
  | { readonly kind: 'check'; readonly report: CheckReport; readonly assumed: readonly string[] }
  | { readonly kind: 'outline'; readonly outline: Outline; readonly assumed: readonly string[] }
  | { readonly kind: 'targets'; readonly list: TargetList; readonly assumed: readonly string[] }

export interface RunOptions {
  readonly image: string
  readonly command: readonly string[]
  readonly entrypoint?: string
  readonly env: readonly string[]
  /** `source:target[:ro]` */
  readonly volumes: readonly string[]
  readonly workdir?: string
  readonly user?: string
  readonly hostname?: string
  readonly network: 'default' | 'none' | 'host'
  readonly interactive: boolean
  readonly tty: boolean
  readonly remove: boolean
}

export interface ImageSummary {
  readonly id: Digest
  readonly names: readonly string[]
  /** Milliseconds since 1970, from the config; absent when the config has none. */
  readonly created?: number
  /** Bytes of the layers' content, unpacked. */
  readonly size: number
  readonly config: ImageConfig
}

export interface LoadedImage {
  readonly id: Digest
  readonly names: readonly string[]
}
