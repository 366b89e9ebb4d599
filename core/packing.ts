import type { Compression } from './media-types.ts'

/** How a tar is packed. The same packing of the same tar gives the same bytes. */
export interface Packing {
  readonly compression: Compression
  readonly level: number
}

/** The levels of a compression. */
export interface LevelRange {
  readonly least: number
  readonly most: number
  /** Without a wish; `Compression::level` of native/crates/digests has the same. */
  readonly usual: number
}

/** The levels that docker takes (gzip's and zstd's own); 0 of gzip stores. */
export const LEVELS: Readonly<Record<Compression, LevelRange>> = {
  none: { least: 0, most: 0, usual: 0 },
  gzip: { least: 0, most: 9, usual: 3 },
  zstd: { least: 0, most: 22, usual: 3 },
}

/** A packing at a level, or at the usual one. zstd's level 0 is its fastest with docker, which is level 1. */
export function packingOf(compression: Compression, level: number = LEVELS[compression].usual): Packing {
  return { compression, level: compression === 'zstd' ? Math.max(level, 1) : level }
}
