import { createHash, type Hash } from 'node:crypto'
import { algorithmOf, type Digest } from '../core/digest.ts'
import { TsbError } from '../core/error.ts'
import { badAnswer, connectionError } from './errors.ts'

/** How long a body may stay silent. */
export const IDLE_TIMEOUT_MS = 60_000

/**
 * The chunks of a body. Fails when nothing comes for `idleMs`; leaving the loop early closes the connection.
 * Errors come as `fetch` gives them.
 */
export async function* chunksOf(response: Response, idleMs: number = IDLE_TIMEOUT_MS): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = response.body?.getReader()
  if (reader === undefined) return
  try {
    for (;;) {
      const next = await within(reader.read(), idleMs)
      if (next.done) return
      yield next.value
    }
  } finally {
    reader.cancel().catch(() => undefined)
  }
}

/**
 * A whole small body.
 * @throws TsbError `TSB_REGISTRY_ANSWER` when it is longer than `limit`, `TSB_REGISTRY_UNREACHABLE` when it breaks off
 */
export async function readBody(response: Response, limit: number, request: string, signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of chunksOf(response)) {
      size += chunk.byteLength
      if (size > limit) throw badAnswer(request, `it is longer than ${limit} bytes`)
      chunks.push(chunk)
    }
  } catch (error) {
    throw connectionError(response.url, error, signal)
  }
  return Buffer.concat(chunks)
}

/** A running hash of the algorithm that `digest` names. @throws TsbError `TSB_DIGEST_INVALID` for one that OCI does not know */
export function hashFor(digest: Digest): Hash {
  const algorithm = algorithmOf(digest)
  if (algorithm === 'blake3') {
    throw new TsbError('TSB_DIGEST_INVALID', `\`${digest}\` cannot name a registry's content`, {
      fault: 'remote',
      hint: 'use a sha256 digest',
    })
  }
  return createHash(algorithm)
}

/** Digest of `bytes` by the algorithm that `like` names. */
export function digestLike(bytes: Uint8Array, like: Digest): Digest {
  return `${algorithmOf(like)}:${hashFor(like).update(bytes).digest('hex')}`
}

async function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error(`no data for ${ms / 1000} s`), { code: 'TSB_TIMEOUT' })), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
