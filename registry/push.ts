import { setTimeout as delay } from 'node:timers/promises'
import { type Digest, sha256Digest } from '../core/digest.ts'
import { isTsbError } from '../core/error.ts'
import type { Descriptor } from '../core/manifest.ts'
import { familiarName, type Reference } from '../core/reference.ts'
import type { Access } from './auth.ts'
import { digestLike } from './body.ts'
import type { Endpoint } from './endpoint.ts'
import { answerError, badAnswer, connectionError, digestError } from './errors.ts'
import type { Session } from './session.ts'
import { describe, discard, type HttpRequest } from './transport.ts'
import type { PushSource } from './types.ts'

const UPLOAD_ATTEMPTS = 3
const RETRY_WAIT_MS = 500

/** One push: where to, of what, until when. */
interface Errand {
  readonly session: Session
  readonly endpoint: Endpoint
  readonly reference: Reference
  readonly access: Access
  readonly image: PushSource
  readonly signal: AbortSignal
}

/**
 * Uploads the blobs that the registry lacks, in parallel, then the manifest (distribution spec, "Push"): a HEAD for
 * each blob, POST for an upload location (or a mount from a repository that has it), one PUT with all of its bytes.
 * Foreign layers stay where they are. Repeating a push is harmless; an upload cut short leaves nothing visible.
 * Returns the manifest's digest.
 * @throws TsbError `TSB_REGISTRY_*`, `TSB_INTERRUPTED`, and whatever the image's own streams throw
 */
export async function pushImage(session: Session, reference: Reference, image: PushSource, signal: AbortSignal): Promise<Digest> {
  const stop = new AbortController()
  const joined = AbortSignal.any([signal, stop.signal])
  const endpoint = await session.endpoint(reference.domain, signal)
  const errand: Errand = {
    session,
    endpoint,
    reference,
    access: { repository: reference.path, actions: 'pull,push' },
    image,
    signal: joined,
  }
  const uploads = blobsOf(image).map((blob) => session.lanes.run(endpoint.origin, 'uploads', () => pushBlob(errand, blob)))
  try {
    await Promise.all(uploads)
  } catch (error) {
    stop.abort()
    await Promise.allSettled(uploads)
    throw signal.aborted ? connectionError(endpoint.origin, error, signal) : error
  }
  return pushManifest(errand)
}

function blobsOf({ manifest }: PushSource): readonly Descriptor[] {
  const unique = new Map([manifest.config, ...manifest.layers].map((descriptor) => [descriptor.digest, descriptor]))
  return [...unique.values()].filter(({ mediaType }) => !/foreign|nondistributable/.test(mediaType))
}

async function pushBlob(errand: Errand, blob: Descriptor): Promise<void> {
  errand.signal.throwIfAborted()
  if (await exists(errand, blob)) return
  for (let attempt = 1; ; attempt += 1) {
    const location = await startUpload(errand, blob)
    if (location === undefined) return
    try {
      return await upload(errand, blob, location)
    } catch (error) {
      const lost = isTsbError(error) && error.code === 'TSB_REGISTRY_UNREACHABLE'
      if (!lost || attempt === UPLOAD_ATTEMPTS || errand.signal.aborted) throw error
      await delay(RETRY_WAIT_MS * attempt, undefined, { signal: errand.signal })
    }
  }
}

async function exists(errand: Errand, blob: Descriptor): Promise<boolean> {
  const request: HttpRequest = { method: 'HEAD', url: `${base(errand)}/blobs/${blob.digest}`, headers: {}, repeatable: true }
  const response = await send(errand, request)
  await discard(response)
  if (response.status === 200) return true
  if (response.status === 404) return false
  throw await answerError(response, describe(request), familiarName(errand.reference))
}

/** Where to put the bytes; `undefined` when the registry took the blob from another repository. */
async function startUpload(errand: Errand, blob: Descriptor): Promise<string | undefined> {
  const from = errand.image.mountFrom?.(blob)
  const query = from === undefined ? '' : `?mount=${encodeURIComponent(blob.digest)}&from=${encodeURIComponent(from)}`
  const url = `${base(errand)}/blobs/uploads/${query}`
  const request: HttpRequest = { method: 'POST', url, headers: {}, repeatable: true }
  const response = await send(errand, request)
  if (response.status === 201 && from !== undefined) return void (await discard(response))
  if (response.status !== 202) throw await answerError(response, describe(request), familiarName(errand.reference))
  await discard(response)
  const location = response.headers.get('location') ?? ''
  if (location === '' || !URL.canParse(location, url)) throw badAnswer(describe(request), 'it names no location for the upload')
  return new URL(location, url).href
}

async function upload(errand: Errand, blob: Descriptor, location: string): Promise<void> {
  const url = new URL(location)
  // appended as text: a location's own query is opaque and must come back byte for byte
  url.search = `${url.search === '' ? '?' : `${url.search}&`}digest=${encodeURIComponent(blob.digest)}`
  let sourceError: unknown
  const request: HttpRequest = {
    method: 'PUT',
    url: url.href,
    headers: { 'content-type': 'application/octet-stream', 'content-length': String(blob.size) },
    body: () =>
      streamOf(errand.image.open(blob), (error) => {
        sourceError ??= error
      }),
    repeatable: false,
  }
  let response: Response
  try {
    response = await send(errand, request)
  } catch (error) {
    // when our own source failed, the lost connection is only the consequence
    throw sourceError ?? error
  }
  if (response.status !== 201 && response.status !== 204)
    throw await answerError(response, describe(request), familiarName(errand.reference))
  await discard(response)
}

async function pushManifest(errand: Errand): Promise<Digest> {
  const { manifestBytes, manifest } = errand.image
  const { digest, tag } = errand.reference
  const own = digest === undefined ? sha256Digest(manifestBytes) : digestLike(manifestBytes, digest)
  if (digest !== undefined && own !== digest) throw digestError(familiarName(errand.reference), digest, own)
  const request: HttpRequest = {
    method: 'PUT',
    url: `${base(errand)}/manifests/${tag ?? own}`,
    headers: { 'content-type': manifest.mediaType },
    body: () => manifestBytes,
    repeatable: true,
  }
  const response = await send(errand, request)
  if (response.status !== 201 && response.status !== 200)
    throw await answerError(response, describe(request), familiarName(errand.reference))
  await discard(response)
  const told = response.headers.get('docker-content-digest')
  if (told?.startsWith('sha256:') === true && own.startsWith('sha256:') && told !== own)
    throw digestError(familiarName(errand.reference), own, told)
  return own
}

function send(errand: Errand, request: HttpRequest): Promise<Response> {
  return errand.session.send(errand.endpoint, errand.access, request, errand.signal)
}

function base({ endpoint, reference }: Errand): string {
  return `${endpoint.origin}/v2/${reference.path}`
}

function streamOf(source: AsyncIterable<Uint8Array>, onError: (error: unknown) => void): ReadableStream<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const next = await iterator.next()
        if (next.done === true) controller.close()
        else controller.enqueue(next.value)
      } catch (error) {
        onError(error)
        controller.error(error)
      }
    },
    async cancel() {
      await iterator.return?.()
    },
  })
}
