import { isTsbError } from '../../core/error.ts'
import { formatPlatform, type Platform } from '../../core/platform.ts'
import { familiarName, parseReference } from '../../core/reference.ts'
import type { NamedContext } from '../types.ts'

/** A named context that a name in the Dockerfile means. */
export interface FoundContext {
  /** As the user gave it: the name of its `local` op. */
  readonly name: string
  readonly context: NamedContext
}

/** Looks up what a stage or image is called in the Dockerfile. */
export type FindContext = (written: string, platform: Platform) => FoundContext | undefined

/**
 * The lookup of named contexts (buildx, "Additional build contexts"): image names count without `:latest` and docker's default
 * host; `NAME::os/arch` is for one platform only and comes first. `scratch` and `context` always mean themselves.
 */
export function contextLookup(given: ReadonlyMap<string, NamedContext>): FindContext {
  const known = new Map<string, FoundContext>()
  for (const [name, context] of given) {
    const [image = '', platform] = name.split(/::(.*)/s)
    known.set(platform === undefined ? normalised(image) : `${normalised(image)}::${platform}`, { name, context })
  }
  return (written, platform) => {
    if (known.size === 0 || written === 'scratch' || written === 'context') return undefined
    const name = normalised(written)
    return known.get(`${name}::${formatPlatform(platform)}`) ?? known.get(name)
  }
}

/** The familiar name of an image; what is none (a stage may have any name) is taken as it is, in lower case. */
function normalised(name: string): string {
  try {
    return familiarName(parseReference(name)).replace(/:latest$/, '')
  } catch (error) {
    if (!isTsbError(error)) throw error
    return name.toLowerCase()
  }
}
