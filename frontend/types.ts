import type { ResolvedImage } from '../core/image-plan.ts'
import type { GitOp, HttpOp } from '../core/op.ts'
import type { Platform } from '../core/platform.ts'
import type { SourceFile } from '../core/span.ts'
import type { StepFilter } from '../core/step-filter.ts'

/** Everything a Dockerfile's meaning depends on, but for the base images. */
export interface CompileRequest {
  readonly dockerfile: SourceFile
  /** What the image is for. */
  readonly platform: Platform
  /** What RUN runs on (`BUILDPLATFORM`). */
  readonly buildPlatform: Platform
  /** Stage to build; the last one when absent. */
  readonly target?: string
  readonly buildArgs: ReadonlyMap<string, string>
  /** Set on the image after the Dockerfile's own. */
  readonly labels: readonly (readonly [name: string, value: string])[]
  /** Look for no earlier result of RUN, COPY and ADD. */
  readonly noCache: boolean
  /** Look for no earlier result of these steps; a WORKDIR is meant by its number only. */
  readonly noCacheFilter?: readonly StepFilter[]
  /** `--build-context`: what stands for a stage or an image of that name. */
  readonly contexts: ReadonlyMap<string, NamedContext>
  /** Seconds since 1970 of what `SOURCE_DATE_EPOCH` names; absent: nothing has a time. */
  readonly timeOf?: (source: TimeSource) => Promise<number | undefined>
  /** The context's ignore file, for warnings about sources it hides. */
  readonly ignore: IgnoreFile | undefined
}

/** What has a time: `context` or a named context, or what ADD fetches. Commits and downloads have one; directories have none. */
export type TimeSource = { readonly kind: 'context'; readonly name: string } | GitOp | HttpOp

/** What a named context is. */
export type NamedContext =
  /** A tree of files; the engine has it under the context's name (`LocalOp.name`). */
  | { readonly kind: 'files' }
  /** Another image: `docker-image://` taken off, or `oci-layout://…` as given; `scratch` is the empty one. */
  | { readonly kind: 'image'; readonly reference: string }
  /** An earlier stage of the file. */
  | { readonly kind: 'stage'; readonly stage: string }

/**
 * Says what an image is. Called at most once for each reference and platform, in parallel for independent ones.
 * The reference is canonical (`docker.io/library/alpine:latest`), or one of `oci-layout://`.
 */
export type ResolveImage = (reference: string, platform: Platform) => Promise<ResolvedImage>

/** A `.dockerignore`, understood. */
export interface IgnoreFile {
  readonly file: SourceFile
  /** In order; the last one that matches a path decides. */
  readonly rules: readonly IgnoreFileRule[]
}

/** One line of it. Has the shape the native scanner wants (`IgnoreRule` in native/types.ts), and more. */
export interface IgnoreFileRule {
  /** Matches a whole path without leading slash. Whoever asks has to ask for the path's parents too. */
  readonly regex: string
  /** A `!` rule: takes paths back in. */
  readonly negated: boolean
  /** As written, trimmed. */
  readonly pattern: string
  /** Counts from 1. */
  readonly line: number
}
