/** The image that scenarios start from. */
export const BASE = 'tsbuild-bench/base'
/** The image that is built. */
export const RESULT = 'tsbuild-bench/result'
