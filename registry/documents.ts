import { isDigest } from '../core/digest.ts'
import type { TsbError } from '../core/error.ts'
import type { Descriptor, ImageConfig, Index, Manifest } from '../core/manifest.ts'
import { isIndexType, isManifestType, MEDIA_TYPES } from '../core/media-types.ts'

/** Makes the error for a document that is not as it should be. */
export type Invalid = (why: string) => TsbError

/** A foreign document, told by its media type. */
export type Document = { readonly kind: 'manifest'; readonly manifest: Manifest } | { readonly kind: 'index'; readonly index: Index }

/** Registries refuse larger manifests (distribution spec, "Pushing Manifests"). */
export const MANIFEST_BYTES: number = 4 << 20

/**
 * Reads a manifest or index (OCI image spec manifest.md, image-index.md; Docker schema 2) and checks its form.
 * `typeHint` is the media type that a header or descriptor gave it. A document that could pass for both kinds is
 * refused: two readers could disagree on what one digest means.
 * @throws what `invalid` makes
 */
export function parseDocument(bytes: Uint8Array, typeHint: string | undefined, invalid: Invalid): Document {
  const value = parseObject(bytes, invalid)
  const own = typeof value['mediaType'] === 'string' ? value['mediaType'] : undefined
  const hint = typeHint?.split(';')[0]?.trim()
  if (value['schemaVersion'] === 1) throw invalid('it has the outdated schema version 1, which nothing can verify')
  if (value['schemaVersion'] !== 2) throw invalid('`schemaVersion` is not 2')
  if (own !== undefined && hint !== undefined && isKnown(hint) && isIndexType(own) !== isIndexType(hint))
    throw invalid('its media types disagree')
  if ('manifests' in value && ('layers' in value || 'config' in value)) throw invalid('it is both a manifest and an index')
  if ('manifests' in value) {
    const mediaType = own ?? (hint !== undefined && isIndexType(hint) ? hint : MEDIA_TYPES.ociIndex)
    if (!isIndexType(mediaType)) throw invalid(`\`${mediaType}\` is not the media type of an index`)
    return {
      kind: 'index',
      index: { ...value, schemaVersion: 2, mediaType, manifests: descriptors(value['manifests'], 'manifests', invalid) },
    }
  }
  const mediaType = own ?? (hint !== undefined && isManifestType(hint) ? hint : MEDIA_TYPES.ociManifest)
  if (!isManifestType(mediaType)) throw invalid(`\`${mediaType}\` is not the media type of an image`)
  const config = descriptor(value['config'], 'config', invalid)
  return {
    kind: 'manifest',
    manifest: { ...value, schemaVersion: 2, mediaType, config, layers: descriptors(value['layers'], 'layers', invalid) },
  }
}

/**
 * Reads an image config (config.md). What Go writes as `null` for an empty list becomes one, or is left out.
 * @throws what `invalid` makes
 */
export function parseImageConfig(bytes: Uint8Array, invalid: Invalid): ImageConfig {
  const { created, config, history, rootfs, ...rest } = parseObject(bytes, invalid)
  if (typeof rest['architecture'] !== 'string' || typeof rest['os'] !== 'string') throw invalid('it names no architecture or no system')
  if (!isObject(rootfs) || rootfs['type'] !== 'layers') throw invalid('`rootfs` is not made of layers')
  const diffIds: unknown = rootfs['diff_ids'] ?? []
  if (!Array.isArray(diffIds) || !diffIds.every((id) => typeof id === 'string' && isDigest(id)))
    throw invalid('`rootfs.diff_ids` is not a list of digests')
  if (history !== undefined && history !== null && !(Array.isArray(history) && history.every(isObject)))
    throw invalid('`history` is not a list')
  if (config !== undefined && config !== null && !isObject(config)) throw invalid('`config` is not an object')
  return {
    ...rest,
    ...(typeof created === 'string' ? { created } : {}),
    ...(isObject(config) ? { config: withoutNulls(config) } : {}),
    ...(Array.isArray(history) ? { history: history.map(withoutNulls) } : {}),
    rootfs: { type: 'layers', diff_ids: diffIds },
  } as unknown as ImageConfig
}

/** Whether a descriptor's document is an attestation of BuildKit's, not an image. */
export function isAttestation(descriptor: Descriptor): boolean {
  return descriptor.annotations?.['vnd.docker.reference.type'] === 'attestation-manifest' || descriptor.platform?.os === 'unknown'
}

function parseObject(bytes: Uint8Array, invalid: Invalid): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
  } catch {
    throw invalid('it is not JSON')
  }
  if (!isObject(value)) throw invalid('it is not a JSON object')
  return value
}

function descriptors(value: unknown, where: string, invalid: Invalid): readonly Descriptor[] {
  // Go writes an empty list as null
  if (value === null) return []
  if (!Array.isArray(value)) throw invalid(`\`${where}\` is not a list`)
  return value.map((entry) => descriptor(entry, where, invalid))
}

function descriptor(value: unknown, where: string, invalid: Invalid): Descriptor {
  if (!isObject(value)) throw invalid(`\`${where}\` has something other than a descriptor`)
  const { mediaType, digest, size, platform, annotations } = value
  if (typeof mediaType !== 'string') throw invalid(`\`${where}\` has a descriptor without media type`)
  // our own digests mean nothing to others
  if (typeof digest !== 'string' || !isDigest(digest) || digest.startsWith('blake3:'))
    throw invalid(`\`${where}\` has a descriptor without usable digest`)
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw invalid(`\`${where}\` has a descriptor without size`)
  if (platform !== undefined && platform !== null && !isObject(platform)) throw invalid(`\`${where}\` has a malformed platform`)
  if (annotations !== undefined && annotations !== null && !isObject(annotations)) throw invalid(`\`${where}\` has malformed annotations`)
  return withoutNulls(value) as unknown as Descriptor
}

function isKnown(mediaType: string): boolean {
  return isIndexType(mediaType) || isManifestType(mediaType)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function withoutNulls(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null))
}
