import type { Diagnostic } from './diagnostic.ts'
import type { Digest } from './digest.ts'
import type { Graph } from './graph.ts'
import type { ContainerConfig, HistoryEntry, ImageConfig } from './manifest.ts'
import type { Platform } from './platform.ts'

/** What the frontend makes of a Dockerfile: the steps, and the image around their result. */
export interface BuildPlan {
  readonly graph: Graph
  readonly image: ImagePlan
  /** Warnings; errors are thrown together as one `TsbError`. */
  readonly diagnostics: readonly Diagnostic[]
}

/** The image config but for what only the build knows: layers' diffIDs and times. */
export interface ImagePlan {
  readonly platform: Platform
  /** The base's config, kept for the fields we do not know; absent for `scratch`. */
  readonly base?: ImageConfig
  readonly author?: string
  readonly config: ContainerConfig
  /** Entries after the base's own. One without `empty_layer` stands for one layer, in order. */
  readonly history: readonly HistoryEntry[]
  /** SOURCE_DATE_EPOCH, in seconds since 1970: the time of what the build adds. */
  readonly epoch?: number
}

/** What is known of an image before any layer is fetched. */
export interface ResolvedImage {
  /** Canonical reference with the tag or digest asked for. */
  readonly reference: string
  /** The image ID: SHA-256 of the config's bytes. */
  readonly image: Digest
  readonly config: ImageConfig
}
