import type { Digest } from '../core/digest.ts'
import { isTsbError, TsbError } from '../core/error.ts'
import type { Descriptor, Index, Manifest } from '../core/manifest.ts'
import { formatPlatform, type Platform, platformMatches } from '../core/platform.ts'
import { formatReference, parseReference } from '../core/reference.ts'
import { choosePlatform, platformsOf } from '../registry/choose.ts'
import { isAttestation, parseDocument, parseImageConfig } from '../registry/documents.ts'
import { type ArchiveAccess, type ReadImage, readMetadata } from './archive-access.ts'
import { archiveDigestError, invalidArchive, missingInArchive } from './archive-errors.ts'
import { blobName, NAME_ANNOTATION, TAG_ANNOTATION } from './layout.ts'

const MAX_DEPTH = 3

/**
 * Reads an OCI layout's `index.json` (image-layout.md): each image once, with all the names that lead to it.
 * Indexes inside lead to the image for `platform` among those that are whole: docker saves what it has.
 */
export async function readLayoutIndex(archive: ArchiveAccess, platform: Platform): Promise<readonly ReadImage[]> {
  const { manifests } = await readTopIndex(archive)
  const images = new Map<string, ReadImage>()
  for (const descriptor of manifests) {
    if (isAttestation(descriptor)) continue
    const image = await readTarget(archive, descriptor, platform, 0)
    const known = images.get(image.manifestDescriptor.digest)
    const names = [...new Set([...(known?.names ?? []), ...namesOf(descriptor)])]
    images.set(image.manifestDescriptor.digest, { ...image, names })
  }
  if (images.size === 0) throw invalidArchive('there is no image in it')
  return [...images.values()]
}

/** Which image of a layout is meant. */
export type LayoutChoice = { readonly digest: Digest } | { readonly tag: string }

/**
 * The image of a layout with that digest, or that tag as buildx looks it up: the whole name counts too, and a layout of one
 * image needs no tag. A digest may be one that `index.json` does not list.
 */
export async function readLayoutTarget(archive: ArchiveAccess, choice: LayoutChoice, platform: Platform): Promise<ReadImage> {
  const manifests = (await readTopIndex(archive)).manifests.filter((descriptor) => !isAttestation(descriptor))
  return readTarget(archive, await chooseDescriptor(archive, manifests, choice), platform, 0)
}

async function chooseDescriptor(archive: ArchiveAccess, manifests: readonly Descriptor[], choice: LayoutChoice): Promise<Descriptor> {
  if ('digest' in choice) {
    const { digest } = choice
    const listed = manifests.find((descriptor) => descriptor.digest === digest)
    if (listed !== undefined) return listed
    const file = await archive.file(blobName({ digest }))
    if (file === undefined) throw missingInArchive(blobName({ digest }))
    // Its own text says what it is.
    return { mediaType: '', digest, size: file.size }
  }
  const { tag } = choice
  const tagged = manifests.find(({ annotations }) => annotations?.[TAG_ANNOTATION] === tag || annotations?.[NAME_ANNOTATION] === tag)
  const found = tagged ?? (manifests.length === 1 ? manifests[0] : undefined)
  if (found !== undefined) return found
  const tags = manifests.flatMap(({ annotations }) => annotations?.[TAG_ANNOTATION] ?? [])
  throw new TsbError('TSB_ARCHIVE_IMAGE', `no image of the layout has the tag \`${tag}\``, {
    fault: 'input',
    hint: tags.length === 0 ? 'name the image by its digest' : `it has ${tags.join(', ')}`,
  })
}

async function readTopIndex(archive: ArchiveAccess): Promise<Index> {
  const bytes = await archive.document('index.json')
  const document = bytes === undefined ? undefined : parseDocument(bytes, undefined, (why) => invalidArchive(`\`index.json\`: ${why}`))
  if (document?.kind !== 'index') throw invalidArchive(bytes === undefined ? 'it has no `index.json`' : '`index.json` is not an index')
  return document.index
}

async function readTarget(archive: ArchiveAccess, descriptor: Descriptor, platform: Platform, depth: number): Promise<ReadImage> {
  const bytes = await readMetadata(archive, descriptor)
  const document = parseDocument(bytes, descriptor.mediaType, (why) => invalidArchive(`\`${blobName(descriptor)}\`: ${why}`))
  if (document.kind === 'manifest')
    return readImage(archive, { ...descriptor, mediaType: document.manifest.mediaType }, bytes, document.manifest)
  if (depth === MAX_DEPTH) throw invalidArchive('its indexes are nested too deeply')
  return readFromIndex(archive, document.index, platform, depth)
}

async function readFromIndex(archive: ArchiveAccess, index: Index, platform: Platform, depth: number): Promise<ReadImage> {
  let missing: TsbError | undefined
  for (const descriptor of choosePlatform(index, platform)) {
    try {
      const image = await readTarget(archive, descriptor, platform, depth + 1)
      if (descriptor.platform !== undefined || platformMatches(image.config, platform)) return image
    } catch (error) {
      if (!isTsbError(error) || error.code !== 'TSB_ARCHIVE_INCOMPLETE') throw error
      missing ??= error
    }
  }
  if (missing !== undefined) throw missing
  throw new TsbError('TSB_ARCHIVE_PLATFORM', `the archive has no image for \`${formatPlatform(platform)}\``, {
    fault: 'input',
    hint: `it has ${platformsOf(index).join(', ')}`,
  })
}

async function readImage(
  archive: ArchiveAccess,
  descriptor: Descriptor,
  manifestBytes: Uint8Array,
  manifest: Manifest,
): Promise<ReadImage> {
  const configBytes = await readMetadata(archive, manifest.config)
  const config = parseImageConfig(configBytes, (why) => invalidArchive(`\`${blobName(manifest.config)}\`: ${why}`))
  if (config.rootfs.diff_ids.length !== manifest.layers.length) {
    throw invalidArchive(`an image has ${manifest.layers.length} layers where its config says ${config.rootfs.diff_ids.length}`)
  }
  for (const layer of manifest.layers) {
    const file = await archive.file(blobName(layer))
    if (file === undefined) throw missingInArchive(blobName(layer))
    if (file.size !== layer.size) throw archiveDigestError(blobName(layer), `${layer.size} bytes`, `${file.size} bytes`)
  }
  const { mediaType, digest, size } = descriptor
  return { names: [], manifestDescriptor: { mediaType, digest, size }, manifestBytes, manifest, configBytes, config }
}

/** A full name, where one is given; a tag alone names nothing. */
function namesOf({ annotations }: Descriptor): readonly string[] {
  const tag = annotations?.[TAG_ANNOTATION]
  const name = annotations?.[NAME_ANNOTATION] ?? (tag !== undefined && /[/:]/.test(tag) ? tag : undefined)
  return name === undefined ? [] : canonicalNames([name])
}

/** Canonical references for what of `names` are references. */
export function canonicalNames(names: readonly string[]): readonly string[] {
  return names.flatMap((name) => {
    try {
      return [formatReference(parseReference(name))]
    } catch {
      return []
    }
  })
}
