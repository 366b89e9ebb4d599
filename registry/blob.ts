import { setTimeout as delay } from 'node:timers/promises'
import type { Descriptor } from '../core/manifest.ts'
import { familiarName, type Reference } from '../core/reference.ts'
import { chunksOf, hashFor } from './body.ts'
import type { Endpoint } from './endpoint.ts'
import { answerError, connectionError, digestError, missingBlob } from './errors.ts'
import type { Session } from './session.ts'
import { describe, discard, type HttpRequest } from './transport.ts'

/** Connections in a row that may break without a byte of progress. */
const FRUITLESS_ATTEMPTS = 4
const RESUME_WAIT_MS = 200

/** How a body ended: with all it had to give, or before. */
type Ending = { readonly kind: 'ended' } | { readonly kind: 'broken'; readonly cause: unknown }

/**
 * A blob's bytes (distribution spec, "Pulling blobs"), verified while read: the last chunk is only given out once
 * size and digest have come out right. A connection that breaks is resumed with a range request where it broke.
 * @throws TsbError `TSB_REGISTRY_DIGEST`, `TSB_REGISTRY_NOT_FOUND`, `TSB_REGISTRY_*`, `TSB_INTERRUPTED`
 */
export async function* readBlob(
  session: Session,
  reference: Reference,
  descriptor: Descriptor,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const endpoint = await session.endpoint(reference.domain, signal)
  const leave = await session.lanes.enter(endpoint.origin, 'downloads', signal)
  try {
    yield* verified(resumed(session, endpoint, reference, descriptor, signal), descriptor)
  } finally {
    leave()
  }
}

async function* verified(chunks: AsyncIterable<Uint8Array>, descriptor: Descriptor): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = hashFor(descriptor.digest)
  let size = 0
  let held: Uint8Array | undefined
  for await (const chunk of chunks) {
    size += chunk.byteLength
    if (size > descriptor.size) throw digestError(descriptor.digest, `${descriptor.size} bytes`, 'more')
    hash.update(chunk)
    if (held !== undefined) yield held
    held = chunk
  }
  if (size < descriptor.size) throw digestError(descriptor.digest, `${descriptor.size} bytes`, `${size} bytes`)
  const found = hash.digest('hex')
  if (!descriptor.digest.endsWith(`:${found}`)) throw digestError(descriptor.digest, descriptor.digest, found)
  if (held !== undefined) yield held
}

async function* resumed(
  session: Session,
  endpoint: Endpoint,
  reference: Reference,
  descriptor: Descriptor,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const url = `${endpoint.origin}/v2/${reference.path}/blobs/${descriptor.digest}`
  let offset = 0
  for (let fruitless = 0; ; ) {
    const request: HttpRequest = { method: 'GET', url, headers: offset === 0 ? {} : { range: `bytes=${offset}-` }, repeatable: true }
    const response = await session.send(endpoint, { repository: reference.path, actions: 'pull' }, request, signal)
    const skip = await bytesToSkip(response, offset, request, reference, descriptor)
    const before = offset
    const ending = yield* count(withoutFirst(chunksOf(response), skip), (bytes) => {
      offset += bytes
    })
    // a body without length that ends early looks like any other end
    if (ending.kind === 'ended' && (offset >= descriptor.size || offset === before)) return
    if (signal.aborted) throw connectionError(url, undefined, signal)
    fruitless = offset > before ? 0 : fruitless + 1
    const cause = ending.kind === 'broken' ? ending.cause : new Error('the answer ends early')
    if (fruitless === FRUITLESS_ATTEMPTS) throw connectionError(url, cause, signal)
    await delay(RESUME_WAIT_MS * fruitless, undefined, { signal }).catch((error: unknown) => {
      throw connectionError(url, error, signal)
    })
  }
}

/** How many bytes of this answer we have already. @throws TsbError when it is not an answer to the request */
async function bytesToSkip(
  response: Response,
  offset: number,
  request: HttpRequest,
  reference: Reference,
  { digest }: Descriptor,
): Promise<number> {
  if (response.status === 200) return offset
  const start = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1]
  if (response.status === 206 && offset > 0 && start !== undefined && Number(start) <= offset) return offset - Number(start)
  if (response.status === 206 || response.status === 404) await discard(response)
  if (response.status === 404) throw missingBlob(familiarName(reference), digest)
  throw await answerError(response, describe(request), familiarName(reference))
}

async function* withoutFirst(chunks: AsyncIterable<Uint8Array>, skip: number): AsyncGenerator<Uint8Array, void, undefined> {
  let left = skip
  for await (const chunk of chunks) {
    if (left < chunk.byteLength) yield left === 0 ? chunk : chunk.subarray(left)
    left = Math.max(0, left - chunk.byteLength)
  }
}

/** Passes chunks on and tells how they ended; what the reader of the chunks throws is not of the connection's making. */
async function* count(chunks: AsyncIterable<Uint8Array>, onBytes: (bytes: number) => void): AsyncGenerator<Uint8Array, Ending, undefined> {
  const iterator = chunks[Symbol.asyncIterator]()
  let open = true
  try {
    for (;;) {
      let next: IteratorResult<Uint8Array>
      try {
        next = await iterator.next()
      } catch (cause) {
        open = false
        return { kind: 'broken', cause }
      }
      if (next.done === true) {
        open = false
        return { kind: 'ended' }
      }
      onBytes(next.value.byteLength)
      yield next.value
    }
  } finally {
    if (open) await iterator.return?.()
  }
}
