import type { Descriptor, ImageConfig } from '../core/manifest.ts'
import type { Compression } from '../core/media-types.ts'
import type { MediaTypeFamily } from './assemble.ts'

/** A finished image with all its blobs on disk: what the archive exporters consume. */
export interface ImageContent {
  readonly config: ImageConfig
  /** The exact bytes whose SHA-256 is the image ID. */
  readonly configBytes: Uint8Array
  readonly configDescriptor: Descriptor
  readonly manifestBytes: Uint8Array
  readonly manifestDescriptor: Descriptor
  readonly layers: readonly LayerContent[]
}

export interface LayerContent {
  readonly descriptor: Descriptor
  /** File that holds the blob. */
  readonly path: string
  /** This process has hashed the file when it wrote it. */
  readonly verified: boolean
}

/** An image on its way into an archive, with the canonical references that it is to have there. */
export interface NamedImage {
  readonly content: ImageContent
  readonly names: readonly string[]
}

/** How an output wants layers packed: buildx's `compression`, `compression-level`, `force-compression`, `oci-mediatypes`. */
export interface LayerOptions {
  readonly compression: Compression
  /** Absent: the usual one. */
  readonly level?: number
  /** Layers of the base are packed anew too; otherwise they keep the blobs in which they came. */
  readonly force: boolean
  readonly family: MediaTypeFamily
}

/** What an output says of times: buildx's `source-date-epoch` and `rewrite-timestamp`. */
export interface OutputTimes {
  /** Seconds since 1970, or none, in the place of the build's SOURCE_DATE_EPOCH. */
  readonly epoch?: number | 'none'
  /** No file of the layers that the build adds is later. */
  readonly rewrite: boolean
}

/** `--output`, read: where the result goes. `dest` `-` is standard output. `layers` and `times` are absent when nothing was said. */
export type OutputSpec =
  /** Into the store, under the tags (the default). */
  | {
      readonly type: 'image'
      readonly push: boolean
      readonly names: readonly string[]
      readonly layers?: LayerOptions
      readonly times?: OutputTimes
    }
  | {
      readonly type: 'oci' | 'docker'
      readonly dest?: string
      readonly tar: boolean
      readonly names: readonly string[]
      readonly layers?: LayerOptions
      readonly times?: OutputTimes
    }
  | { readonly type: 'tar'; readonly dest: string; readonly times?: OutputTimes }
  | { readonly type: 'local'; readonly dest: string; readonly times?: OutputTimes }
