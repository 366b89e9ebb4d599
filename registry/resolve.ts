import { type Digest, sha256Digest } from '../core/digest.ts'
import { TsbError } from '../core/error.ts'
import type { Descriptor, Manifest } from '../core/manifest.ts'
import { MEDIA_TYPES } from '../core/media-types.ts'
import { formatPlatform, type Platform, platformMatches } from '../core/platform.ts'
import { familiarName, type Reference } from '../core/reference.ts'
import type { Access } from './auth.ts'
import { digestLike, readBody } from './body.ts'
import { choosePlatform, platformsOf } from './choose.ts'
import { type Document, MANIFEST_BYTES, parseDocument, parseImageConfig } from './documents.ts'
import type { Endpoint } from './endpoint.ts'
import { answerError, badAnswer, digestError } from './errors.ts'
import type { Session } from './session.ts'
import { describe, type HttpRequest } from './transport.ts'
import type { RemoteImage } from './types.ts'

const ACCEPT = [MEDIA_TYPES.ociIndex, MEDIA_TYPES.dockerList, MEDIA_TYPES.ociManifest, MEDIA_TYPES.dockerManifest, '*/*;q=0.1'].join(', ')
const CONFIG_BYTES = 8 << 20
/** An index of indexes of indexes is nobody's need. */
const MAX_DEPTH = 3

/** One resolution: where from, in whose name, until when. */
interface Quest {
  readonly session: Session
  readonly endpoint: Endpoint
  readonly reference: Reference
  readonly platform: Platform
  readonly access: Access
  readonly signal: AbortSignal
}

interface Fetched {
  readonly digest: Digest
  readonly bytes: Uint8Array
  readonly document: Document
}

/**
 * Follows a tag or digest to the manifest and config of `platform` (distribution spec, "Pulling manifests").
 * Every document is checked against the digest that names it. A name that points straight to one image gives that
 * image whatever its platform, as docker does.
 * @throws TsbError `TSB_REGISTRY_PLATFORM` with the platforms there are, `TSB_REGISTRY_NOT_FOUND`, `TSB_REGISTRY_*`
 */
export async function resolveImage(session: Session, reference: Reference, platform: Platform, signal: AbortSignal): Promise<RemoteImage> {
  const endpoint = await session.endpoint(reference.domain, signal)
  const quest: Quest = { session, endpoint, reference, platform, access: { repository: reference.path, actions: 'pull' }, signal }
  const target = await fetchManifest(quest, reference.digest ?? reference.tag ?? 'latest', reference.digest)
  const image = await descend(quest, target, 0)
  if (image === undefined) throw platformError(quest, target)
  return { target: target.digest, ...image }
}

async function descend(quest: Quest, found: Fetched, depth: number): Promise<Omit<RemoteImage, 'target'> | undefined> {
  if (found.document.kind === 'manifest') return withConfig(quest, found, found.document.manifest)
  if (depth === MAX_DEPTH) throw badAnswer(`GET ${familiarName(quest.reference)}`, 'its indexes are nested too deeply')
  for (const descriptor of choosePlatform(found.document.index, quest.platform)) {
    const image = await descend(quest, await fetchManifest(quest, descriptor.digest, descriptor.digest, descriptor), depth + 1)
    if (image !== undefined && (descriptor.platform !== undefined || platformMatches(image.config, quest.platform))) return image
  }
  return undefined
}

async function withConfig(quest: Quest, found: Fetched, manifest: Manifest): Promise<Omit<RemoteImage, 'target'>> {
  const { config: descriptor } = manifest
  const url = `${quest.endpoint.origin}/v2/${quest.reference.path}/blobs/${descriptor.digest}`
  const { bytes: configBytes } = await fetchChecked(
    quest,
    { method: 'GET', url, headers: {}, repeatable: true },
    descriptor.digest,
    CONFIG_BYTES,
  )
  const config = parseImageConfig(configBytes, (why) => badAnswer(describe({ method: 'GET', url }), why))
  return { manifestDigest: found.digest, manifestBytes: found.bytes, manifest, configBytes, config }
}

async function fetchManifest(quest: Quest, name: string, expected: Digest | undefined, descriptor?: Descriptor): Promise<Fetched> {
  const url = `${quest.endpoint.origin}/v2/${quest.reference.path}/manifests/${name}`
  const request: HttpRequest = { method: 'GET', url, headers: { accept: ACCEPT }, repeatable: true }
  const { bytes, type, digest } = await fetchChecked(quest, request, expected, MANIFEST_BYTES)
  const document = parseDocument(bytes, descriptor?.mediaType ?? type, (why) => badAnswer(describe(request), why))
  return { digest, bytes, document }
}

interface Checked {
  readonly bytes: Uint8Array
  readonly digest: Digest
  readonly type: string | undefined
}

/** A small document whole, checked against `expected`, or without it against what the registry says of it. */
async function fetchChecked(quest: Quest, request: HttpRequest, expected: Digest | undefined, limit: number): Promise<Checked> {
  return quest.session.lanes.run(quest.endpoint.origin, 'documents', async () => {
    const response = await quest.session.send(quest.endpoint, quest.access, request, quest.signal)
    if (response.status !== 200) throw await answerError(response, describe(request), familiarName(quest.reference))
    const bytes = await readBody(response, limit, describe(request), quest.signal)
    const told = response.headers.get('docker-content-digest') ?? undefined
    const wanted = expected ?? (told?.startsWith('sha256:') ? (told as Digest) : undefined)
    const digest = wanted === undefined ? sha256Digest(bytes) : digestLike(bytes, wanted)
    if (wanted !== undefined && digest !== wanted) throw digestError(familiarName(quest.reference), wanted, digest)
    return { bytes, digest, type: response.headers.get('content-type') ?? undefined }
  })
}

function platformError({ reference, platform }: Quest, target: Fetched): TsbError {
  const there = target.document.kind === 'index' ? platformsOf(target.document.index).join(', ') : ''
  return new TsbError('TSB_REGISTRY_PLATFORM', `\`${familiarName(reference)}\` has no image for \`${formatPlatform(platform)}\``, {
    fault: 'remote',
    hint: there === '' ? 'choose another image' : `choose one of its platforms with \`--platform\`: ${there}`,
  })
}
