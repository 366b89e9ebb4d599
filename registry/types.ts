import type { Digest } from '../core/digest.ts'
import type { Descriptor, ImageConfig, Manifest } from '../core/manifest.ts'
import type { Platform } from '../core/platform.ts'
import type { Reference } from '../core/reference.ts'

/** A client of the OCI distribution spec. Every method may throw `TSB_REGISTRY_*` with fault `remote`. */
export interface RegistryClient {
  /**
   * Follows a tag or digest, through an index if it is one, to the manifest of `platform`.
   * All documents are checked against their digests. One request where the answers allow it.
   */
  resolve(reference: Reference, platform: Platform, signal: AbortSignal): Promise<RemoteImage>
  /**
   * A blob's bytes. The stream fails with `TSB_REGISTRY_DIGEST` at its end, and before, when size or digest do not
   * come out as the descriptor says; retries with a range request when the connection breaks midway.
   */
  blob(reference: Reference, descriptor: Descriptor, signal: AbortSignal): AsyncIterable<Uint8Array>
  /** Uploads what the registry lacks: blobs first, then the manifest under the reference's tag or digest. */
  push(reference: Reference, image: PushSource, signal: AbortSignal): Promise<Digest>
}

export interface RemoteImage {
  /** What the tag pointed to: an index's digest or the manifest's. */
  readonly target: Digest
  readonly manifestDigest: Digest
  readonly manifestBytes: Uint8Array
  readonly manifest: Manifest
  readonly configBytes: Uint8Array
  readonly config: ImageConfig
}

export interface PushSource {
  readonly manifestBytes: Uint8Array
  readonly manifest: Manifest
  open(descriptor: Descriptor): AsyncIterable<Uint8Array>
  /** A repository of the same registry that has the blob, if one is known: the registry can take it from there. */
  mountFrom?(descriptor: Descriptor): string | undefined
}
