import type { Compression } from '../core/media-types.ts'
import { LEVELS } from '../core/packing.ts'
import { type Attributes, flagOf, usageError } from './output-attributes.ts'
import type { LayerOptions } from './types.ts'

/** The options of `--output` about layers. */
export const LAYER_OPTIONS = ['compression', 'compression-level', 'force-compression', 'oci-mediatypes'] as const

/** How layers are packed when nobody says: with gzip, which everybody reads. */
export const USUAL_LAYERS: LayerOptions = { compression: 'gzip', force: false, family: 'oci' }

const COMPRESSIONS: Readonly<Record<string, Compression>> = { gzip: 'gzip', zstd: 'zstd', uncompressed: 'none' }

/**
 * Reads the options about layers as BuildKit does; `undefined` when there are none. zstd has no media type of Docker's,
 * so it speaks OCI's whatever was asked; a level of uncompressed layers means nothing.
 * @throws TsbError `TSB_USAGE_OUTPUT`
 */
export function parseLayerOptions(attributes: Attributes): LayerOptions | undefined {
  if (!LAYER_OPTIONS.some((name) => attributes.has(name))) return undefined
  const compression = compressionOf(attributes.get('compression'))
  const level = levelOf(attributes.get('compression-level'), compression)
  const oci = flagOf(attributes, 'oci-mediatypes', true) || compression === 'zstd'
  return {
    compression,
    ...(level === undefined ? {} : { level }),
    force: flagOf(attributes, 'force-compression', false),
    family: oci ? 'oci' : 'docker',
  }
}

function compressionOf(text: string | undefined): Compression {
  if (text === undefined) return USUAL_LAYERS.compression
  const known = Object.hasOwn(COMPRESSIONS, text) ? COMPRESSIONS[text] : undefined
  if (known !== undefined) return known
  const problem = text === 'estargz' ? '`compression=estargz` is not supported' : `\`compression=${text}\` is not a compression`
  throw usageError(problem, 'write `compression=gzip`, `compression=zstd` or `compression=uncompressed`')
}

function levelOf(text: string | undefined, compression: Compression): number | undefined {
  if (text === undefined) return undefined
  const { least, most } = LEVELS[compression]
  const level = /^[+-]?\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (compression === 'none' && !Number.isNaN(level)) return undefined
  if (level >= least && level <= most) return level
  const range = compression === 'none' ? 'a number' : `a level of ${compression}, which are ${least} to ${most}`
  throw usageError(`\`compression-level=${text}\` is not ${range}`, 'leave `compression-level` out for the usual level')
}
