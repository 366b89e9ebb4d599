import { join } from 'node:path'
import { type Digest, hexOf } from '../core/digest.ts'

/** Where everything lies below the store's root. */
export interface Layout {
  readonly root: string
  readonly database: string
  /** An OCI image layout: blobs, index.json (image-layout.md). */
  readonly oci: string
  /** Overlay layers, one directory each with a `diff` inside. */
  readonly layers: string
  /** Tree indexes, named by the hex of their digest. */
  readonly trees: string
  /** Stat indexes of build contexts. */
  readonly contexts: string
  /** Directories of cache mounts. */
  readonly caches: string
  /** Events of builds that were made. */
  readonly history: string
  /** One directory a lease: everything unfinished. */
  readonly work: string
}

/** The layout of a store at `root`; nothing is created. */
export function layoutOf(root: string): Layout {
  return {
    root,
    database: join(root, 'tsbuild.db'),
    oci: join(root, 'oci'),
    layers: join(root, 'layers'),
    trees: join(root, 'trees'),
    contexts: join(root, 'contexts'),
    caches: join(root, 'caches'),
    history: join(root, 'history'),
    work: join(root, 'work'),
  }
}

/** What stands in the file `oci-layout` (image-layout.md "oci-layout file"). */
export const OCI_LAYOUT = '{"imageLayoutVersion":"1.0.0"}'

/** The file of a blob in the OCI image layout. */
export function blobPath(layout: Layout, digest: Digest): string {
  return join(layout.oci, 'blobs', 'sha256', hexOf(digest))
}

/** The overlay directory of a layer. */
export function layerPath(layout: Layout, id: string): string {
  return join(layout.layers, id, 'diff')
}
