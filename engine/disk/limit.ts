import { TsbError } from '../../core/error.ts'
import { parseBytes } from '../../core/flag-values.ts'
import type { Session } from '../session.ts'

/** What a piece of work says of the limit. */
export interface LimitOptions {
  /** `--max-disk` */
  readonly flag?: number | undefined
  /** Pins and notes what the work has found so far. */
  readonly beforeCollection?: () => void
}

/**
 * Does the work while the store keeps within its limit, if there is one.
 * @throws TsbError `TSB_STORE_CAP`, `TSB_USAGE_INVALID_VALUE`, `TSB_CONFIG_INVALID`, and what `work` throws
 */
export async function withinLimit<T>(
  session: Session,
  { flag, beforeCollection = () => undefined }: LimitOptions,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = diskLimit(session, flag)
  if (limit === undefined) return work(signal)
  const { keepWithin } = await import('./cap.ts')
  return keepWithin(session, { limit, beforeCollection }, signal, work)
}

/**
 * The bytes that the store may take: by the flag, else `TSBUILD_MAX_DISK`, else the configuration; `undefined` is no limit.
 * @throws TsbError `TSB_USAGE_INVALID_VALUE`, `TSB_CONFIG_INVALID`
 */
function diskLimit({ env, config }: Pick<Session, 'env' | 'config'>, flag: number | undefined): number | undefined {
  const limit = flag ?? fromEnvironment(env['TSBUILD_MAX_DISK']) ?? config().maxDisk ?? 0
  return limit === 0 ? undefined : limit
}

function fromEnvironment(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  const bytes = parseBytes(text)
  if (bytes !== undefined) return bytes
  throw new TsbError('TSB_USAGE_INVALID_VALUE', `\`${text}\` is no size for TSBUILD_MAX_DISK`, {
    fault: 'usage',
    hint: 'write a number and a unit: `TSBUILD_MAX_DISK=20GB`',
  })
}
