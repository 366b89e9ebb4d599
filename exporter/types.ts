import type { Descriptor, ImageConfig } from '../core/manifest.ts'

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
}

/** An image on its way into an archive, with the canonical references that it is to have there. */
export interface NamedImage {
  readonly content: ImageContent
  readonly names: readonly string[]
}

/** `--output`, read: where the result goes. `dest` `-` is standard output. */
export type OutputSpec =
  /** Into the store, under the tags (the default). */
  | { readonly type: 'image'; readonly push: boolean; readonly names: readonly string[] }
  | { readonly type: 'oci' | 'docker'; readonly dest?: string; readonly tar: boolean; readonly names: readonly string[] }
  | { readonly type: 'tar'; readonly dest: string }
  | { readonly type: 'local'; readonly dest: string }
