import { hexOf } from '../core/digest.ts'
import type { Descriptor, Index } from '../core/manifest.ts'
import { MEDIA_TYPES } from '../core/media-types.ts'
import { formatReference, parseReference } from '../core/reference.ts'
import type { ArchiveEntry } from './archive-entries.ts'
import { goJson } from './go-json.ts'
import type { NamedImage } from './types.ts'

/** What containerd and docker call an image by in an index. */
export const NAME_ANNOTATION = 'io.containerd.image.name'
/** The tag (OCI image spec, annotations.md); other tools find an image in a layout by it. */
export const TAG_ANNOTATION = 'org.opencontainers.image.ref.name'

/** The layout's marker file (image-layout.md "oci-layout file"). */
export const LAYOUT_FILE: ArchiveEntry = { name: 'oci-layout', content: Buffer.from('{"imageLayoutVersion":"1.0.0"}') }

/** All blobs of some images, once each, by path. */
export function blobEntries(images: readonly NamedImage[]): readonly ArchiveEntry[] {
  const entries = new Map<string, ArchiveEntry>()
  const add = (descriptor: Descriptor, content: ArchiveEntry['content']): void => {
    const name = blobName(descriptor)
    entries.set(name, { name, content })
  }
  for (const { content } of images) {
    add(content.configDescriptor, content.configBytes)
    add(content.manifestDescriptor, content.manifestBytes)
    for (const { descriptor, path, verified } of content.layers) {
      add(descriptor, { path, digest: descriptor.digest, size: descriptor.size, verified })
    }
  }
  return [...entries.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The index of a layout (image-layout.md "index.json file"): an entry for each name, one without for the nameless. */
export function layoutIndex(images: readonly NamedImage[], kept: readonly Descriptor[] = []): ArchiveEntry {
  const manifests = images.flatMap(({ content, names }) => {
    const { mediaType, digest, size } = content.manifestDescriptor
    const { architecture, os, variant } = content.config
    const platform = { architecture, os, ...(variant === undefined ? {} : { variant }) }
    if (names.length === 0) return [{ mediaType, digest, size, platform }]
    return names.map((name) => ({ mediaType, digest, size, annotations: annotationsOf(name), platform }))
  })
  const index: Index = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [...kept, ...manifests] }
  return { name: 'index.json', content: Buffer.from(goJson(index)) }
}

/** `blobs/sha256/…` */
export function blobName({ digest }: Pick<Descriptor, 'digest'>): string {
  return `blobs/${digest.slice(0, digest.indexOf(':'))}/${hexOf(digest)}`
}

function annotationsOf(name: string): Readonly<Record<string, string>> {
  const reference = parseReference(name)
  return { [NAME_ANNOTATION]: formatReference(reference), ...(reference.tag === undefined ? {} : { [TAG_ANNOTATION]: reference.tag }) }
}
