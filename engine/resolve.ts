import { type Digest, sha256Digest } from '../core/digest.ts'
import { isTsbError, TsbError } from '../core/error.ts'
import type { ResolvedImage } from '../core/image-plan.ts'
import { formatPlatform, type Platform, platformMatches } from '../core/platform.ts'
import { familiarName, formatReference, parseReference, type Reference } from '../core/reference.ts'
import { configOf, type StoredImage } from '../store/images.ts'
import type { Store } from '../store/store.ts'
import type { Session } from './session.ts'

/**
 * What an image name means: the image of the store that has it, else (and always with `pull`) what its registry says.
 * Documents only; layers come when something needs them.
 * @throws TsbError `TSB_REFERENCE_INVALID`, `TSB_REGISTRY_*`
 */
export async function resolveImage(
  session: Session,
  text: string,
  platform: Platform,
  pull: boolean,
  signal: AbortSignal,
): Promise<ResolvedImage> {
  const known = pull ? undefined : findForPlatform(session.store, text, platform)
  if (known !== undefined) return { reference: referenceOf(session.store, text, known), image: known.id, config: configOf(known) }
  const reference = parseReference(text)
  const remote = await fetchImage(session, reference, platform, signal).catch((error: unknown) => {
    throw pull || !isTsbError(error) ? error : notInStore(error, reference)
  })
  return { reference: formatReference(reference), image: remote.id, config: configOf(remote) }
}

/** What an image of the store is called where a FROM names it: by that name, or by its own where the id was given. */
function referenceOf(store: Store, text: string, image: StoredImage): string {
  return byId(store, text) === undefined ? formatReference(parseReference(text)) : (image.reference ?? text)
}

/** The image of the store that a FROM means. */
export function findForPlatform(store: Store, text: string, platform: Platform): StoredImage | undefined {
  return byId(store, text) ?? byName(store, text, platform)
}

/** Whoever mistyped the name of an image of their own must not read about a registry only. */
function notInStore(error: TsbError, reference: Reference): TsbError {
  if (error.fault !== 'remote') return error
  return new TsbError(error.code, `image \`${familiarName(reference)}\` is not in the store, and ${error.message}`, {
    fault: error.fault,
    cause: error,
    ...(error.hint === undefined ? {} : { hint: `${error.hint}; \`tsbuild images\` lists what is in the store` }),
  })
}

/** An image of the store by name, id or unambiguous beginning of an id. @throws TsbError `TSB_IMAGE_UNKNOWN` */
export function findImage(session: Session, text: string): StoredImage {
  const found = byId(session.store, text) ?? session.store.images.named(formatReference(parseReference(text))) ?? byShortId(session, text)
  if (found !== undefined) return found
  throw new TsbError('TSB_IMAGE_UNKNOWN', `no image \`${text}\` in the store`, {
    fault: 'input',
    hint: 'list the images with `tsbuild images`, or build it with `tsbuild -t`',
  })
}

/**
 * An image by an id cut shorter than `images` prints it, where no name has that spelling. For what a user types;
 * `FROM` must not change its meaning with what else is in the store.
 */
export function byShortId(session: Session, text: string): StoredImage | undefined {
  if (!/^[0-9a-f]{1,11}$/.test(text)) return undefined
  if (session.store.images.named(formatReference(parseReference(text))) !== undefined) return undefined
  const matches = session.store.images.withPrefix(text)
  return matches.length === 1 ? matches[0] : undefined
}

function byId(store: Store, text: string): StoredImage | undefined {
  const hex = text.replace(/^sha256:/, '')
  if (!/^[0-9a-f]{12,64}$/.test(hex)) return undefined
  const matches = store.images.withPrefix(hex)
  return matches.length === 1 ? matches[0] : undefined
}

function byName(store: Store, text: string, platform: Platform): StoredImage | undefined {
  const image = store.images.named(formatReference(parseReference(text)))
  if (image === undefined) return undefined
  const config = configOf(image)
  return platformMatches(
    { os: config.os, architecture: config.architecture, ...(config.variant === undefined ? {} : { variant: config.variant }) },
    platform,
  )
    ? image
    : undefined
}

async function fetchImage(session: Session, reference: Reference, platform: Platform, signal: AbortSignal): Promise<StoredImage> {
  const { store, effects } = session
  const registry = await session.registry()
  const remote = await registry.resolve(reference, platform, signal)
  const id: Digest = sha256Digest(remote.configBytes)
  await store.prepare()
  await store.blobs.write([remote.configBytes], id)
  await store.blobs.write([remote.manifestBytes], remote.manifestDigest)
  const image: StoredImage = {
    id,
    configBytes: remote.configBytes,
    manifestBytes: remote.manifestBytes,
    reference: formatReference(reference),
    created: effects.now(),
  }
  store.images.put(image, [formatReference(reference)])
  return store.images.get(id) ?? image
}

/** How a base image is announced in the progress. */
export function metadataTaskName(text: string, platform: Platform): string {
  return `[internal] load metadata for ${safeFamiliar(text)} (${formatPlatform(platform)})`
}

function safeFamiliar(text: string): string {
  try {
    return familiarName(parseReference(text))
  } catch {
    return text
  }
}
