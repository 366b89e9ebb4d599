import { loadNative } from '../../native/index.ts'
import { verifyStore } from '../../store/verify/verify.ts'
import { type Environment, effectsFor, storeRoot } from '../host.ts'
import type { StoreCheck } from './types.ts'

/**
 * Verifies the user's store as it is: it is not opened as a build opens it, which would clean it.
 * @throws TsbError `TSB_STORE_NEWER`, `TSB_STORE_UNREADABLE`, `TSB_NATIVE_MISSING`, `TSB_INTERRUPTED`
 */
export async function checkStore(env: Environment, signal: AbortSignal): Promise<StoreCheck> {
  const root = storeRoot(env)
  return { root, ...(await verifyStore(root, loadNative(), effectsFor(env), signal)) }
}
