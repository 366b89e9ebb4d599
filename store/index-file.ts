import { existsSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Digest, sha256Digest } from '../core/digest.ts'
import type { Descriptor, Index } from '../core/manifest.ts'
import { MEDIA_TYPES } from '../core/media-types.ts'
import type { Connection } from './database.ts'
import { type Images, manifestOf, type StoredImage } from './images.ts'
import { blobPath, type Layout } from './layout.ts'

/**
 * Rewrites the layout's `index.json` (image-layout.md "index.json File"): the named images all of whose blobs are here.
 * Atomic (written in `directory`, this process's own, then renamed), and serialised by the database's write lock.
 * Not synced: the first process after a start writes it again (`recover.ts`).
 */
export function writeIndexFile(connection: Connection, images: Images, layout: Layout, directory: string): void {
  connection
    .transaction(() => {
      const manifests = images
        .withManifest()
        .filter((image) => isComplete(image, layout))
        .flatMap((image) => descriptorsOf(image, images.namesOf(image.id)))
      const index: Index = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests }
      const temporary = join(directory, 'index.json')
      writeFileSync(temporary, JSON.stringify(index))
      renameSync(temporary, join(layout.oci, 'index.json'))
    })
    .immediate()
}

function isComplete(image: StoredImage, layout: Layout): boolean {
  const manifest = manifestOf(image)
  if (manifest === undefined) return false
  const digests = [manifestDigest(image), manifest.config.digest, ...manifest.layers.map((layer) => layer.digest)]
  return digests.every((digest) => existsSync(blobPath(layout, digest)))
}

function descriptorsOf(image: StoredImage, names: readonly string[]): readonly Descriptor[] {
  const bytes = image.manifestBytes ?? new Uint8Array()
  const mediaType = manifestOf(image)?.mediaType ?? MEDIA_TYPES.ociManifest
  return names.map((name) => ({
    mediaType,
    digest: manifestDigest(image),
    size: bytes.byteLength,
    annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name },
  }))
}

function manifestDigest(image: StoredImage): Digest {
  return sha256Digest(image.manifestBytes ?? new Uint8Array())
}
