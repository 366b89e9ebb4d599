/** Media types of OCI image spec (media-types.md) and of Docker's schema 2, its ancestor. */
export const MEDIA_TYPES = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  ociLayerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  ociLayerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar',
  dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const

/** How a layer's tar is packed. */
export type Compression = 'none' | 'gzip' | 'zstd'

const COMPRESSIONS: readonly Compression[] = ['none', 'gzip', 'zstd']

/** Whether the document lists manifests, one a platform. */
export function isIndexType(mediaType: string): boolean {
  return mediaType === MEDIA_TYPES.ociIndex || mediaType === MEDIA_TYPES.dockerList
}

/** Whether the document describes one image. */
export function isManifestType(mediaType: string): boolean {
  return mediaType === MEDIA_TYPES.ociManifest || mediaType === MEDIA_TYPES.dockerManifest
}

/** The OCI media type of a layer packed with `compression`. */
export function layerType(compression: Compression): string {
  if (compression === 'gzip') return MEDIA_TYPES.ociLayerGzip
  return compression === 'zstd' ? MEDIA_TYPES.ociLayerZstd : MEDIA_TYPES.ociLayer
}

/** The Docker media type of a layer packed with `compression`; Docker's schema has none for zstd. */
export function dockerLayerType(compression: Compression): string {
  if (compression === 'gzip') return MEDIA_TYPES.dockerLayerGzip
  return compression === 'zstd' ? MEDIA_TYPES.ociLayerZstd : MEDIA_TYPES.dockerLayer
}

/** How a layer of this media type is packed; `undefined` for types that are not ours to convert (foreign layers). */
export function compressionOfType(mediaType: string): Compression | undefined {
  return COMPRESSIONS.find((compression) => layerType(compression) === mediaType || dockerLayerType(compression) === mediaType)
}
