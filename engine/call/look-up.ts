import { isTsbError } from '../../core/error.ts'
import type { ResolvedImage } from '../../core/image-plan.ts'
import type { Platform } from '../../core/platform.ts'
import { parseReference } from '../../core/reference.ts'
import type { RegistryClient } from '../../registry/types.ts'
import { configOf } from '../../store/images.ts'
import type { Store } from '../../store/store.ts'
import type { ContextHost } from '../contexts/types.ts'
import type { Environment } from '../host.ts'
import { findForPlatform } from '../resolve.ts'
import type { BuildOptions } from '../types.ts'

/** What a call may look into; it changes nothing. */
export interface CallSources {
  readonly env: Environment
  /** Absent when there is none yet: a call does not make one. */
  readonly store: Store | undefined
  registry(): Promise<RegistryClient>
  /** Where a context from elsewhere goes: the one case in which a call needs a store. */
  readonly keep: ContextHost['keep']
}

/** What is known of an image; nothing where nobody answers. */
export async function lookUp(
  sources: CallSources,
  options: BuildOptions,
  text: string,
  platform: Platform,
  signal: AbortSignal,
): Promise<ResolvedImage | undefined> {
  const { store } = sources
  try {
    const known = store === undefined || options.pull ? undefined : findForPlatform(store, text, platform)
    if (known !== undefined) return { reference: text, image: known.id, config: configOf(known) }
    const registry = await sources.registry()
    const { config, manifestDigest } = await registry.resolve(parseReference(text), platform, signal)
    return { reference: text, image: manifestDigest, config }
  } catch (error) {
    if (isTsbError(error) || signal.aborted) return undefined
    throw error
  }
}
