import type { Descriptor, DescriptorPlatform, Index } from '../core/manifest.ts'
import { isIndexType, isManifestType } from '../core/media-types.ts'
import { formatPlatform, type Platform, platformMatches } from '../core/platform.ts'
import { isAttestation } from './documents.ts'

/**
 * The manifests of an index that run on `wanted`, best first: the very variant, then none named, then older ones of
 * the same architecture (an ARMv7 machine runs v6). Entries that name no platform come last: only their config tells.
 */
export function choosePlatform(index: Index, wanted: Platform): readonly Descriptor[] {
  const ranked: { descriptor: Descriptor; rank: number }[] = []
  for (const descriptor of index.manifests) {
    if (isAttestation(descriptor) || !(isManifestType(descriptor.mediaType) || isIndexType(descriptor.mediaType))) continue
    const rank = rankOf(descriptor.platform, wanted)
    if (rank !== undefined) ranked.push({ descriptor, rank })
  }
  return ranked.sort((a, b) => a.rank - b.rank).map(({ descriptor }) => descriptor)
}

/** The platforms that an index has images for, once each, as `os/arch[/variant]`. */
export function platformsOf(index: Index): readonly string[] {
  const names = index.manifests
    .filter((one) => !isAttestation(one) && one.platform !== undefined)
    .map((one) => formatPlatform(toPlatform(one.platform)))
  return [...new Set(names)]
}

const UNNAMED = 1000

function rankOf(candidate: DescriptorPlatform | undefined, wanted: Platform): number | undefined {
  if (candidate === undefined) return UNNAMED
  const offered = toPlatform(candidate)
  if (platformMatches(offered, wanted)) {
    const same = (offered.variant ?? '') === (wanted.variant ?? '')
    // without a variant asked for, the least demanding one is right
    return same ? 0 : 1 + versionOf(offered)
  }
  const { variant: _, ...family } = offered
  if (wanted.architecture === 'arm64' || !platformMatches(family, wanted)) return undefined
  const older = versionOf(wanted) - versionOf(offered)
  return older > 0 ? 10 + older : undefined
}

function toPlatform(platform: DescriptorPlatform | undefined): Platform {
  const { os = 'unknown', architecture = 'unknown', variant } = platform ?? {}
  return { os, architecture, ...(variant === undefined ? {} : { variant }) }
}

function versionOf({ variant }: Platform): number {
  return Number(/^v(\d+)$/.exec(variant ?? '')?.[1] ?? 0)
}
