import { statfsSync } from 'node:fs'
import { TsbError } from '../core/error.ts'

/** Whether the disk that holds `path` has no room left: then that is the likely reason why something on it failed. */
export function isDiskFull(path: string): boolean {
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize < FULL_BYTES
}

/** What to throw then. */
export function diskFull(message: string, cause?: unknown): TsbError {
  return new TsbError('TSB_DISK_FULL', message, { fault: 'host', hint: 'free disk space, or set TSBUILD_ROOT to another disk', cause })
}

/** Less than this is no room for anything: programs write in blocks, and stop before the very last one. */
const FULL_BYTES = 64 << 10
