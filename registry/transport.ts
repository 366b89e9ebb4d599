import { setTimeout as delay } from 'node:timers/promises'
import type { Effects } from '../core/effects.ts'
import type { TsbError } from '../core/error.ts'
import { redactUrl } from '../core/url.ts'
import { isLoopback } from './endpoint.ts'
import { badAnswer, causeCode, connectionError } from './errors.ts'

/** One HTTP request. `body` makes a fresh body for each time it is sent. */
export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: () => NonNullable<RequestInit['body']>
  /** Sending it again does no harm and costs little. */
  readonly repeatable: boolean
}

export interface TransportOptions {
  readonly effects: Pick<Effects, 'fetch' | 'now'>
  /** Tries in all for what may be repeated; default 4. */
  readonly attempts?: number
  /** Wait before the second try, doubled for each further one; default 300. */
  readonly backoffMs?: number
  /** For the answer's head; default 30,000. */
  readonly headTimeoutMs?: number
}

export interface Transport {
  /**
   * Sends a request and resolves with whatever answer comes in the end: the caller judges the status.
   * Repeatable requests are sent again after a lost connection, 429 and 5xx (`Retry-After` is heeded up to a minute).
   * Redirects are followed for requests without a body; `Authorization` never leaves the first origin.
   * @throws TsbError `TSB_REGISTRY_UNREACHABLE`, `TSB_REGISTRY_ANSWER`, `TSB_INTERRUPTED`
   */
  send(request: HttpRequest, signal: AbortSignal): Promise<Response>
}

const RETRIED_STATUS: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504])
const RETRIED_CODES: ReadonlySet<string> = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'EAI_AGAIN', 'UND_ERR_SOCKET', 'TSB_TIMEOUT'])
const MAX_RETRY_AFTER_MS = 60_000
const MAX_REDIRECTS = 8

/** The one way to the network for this room. */
export function createTransport(options: TransportOptions): Transport {
  const attempts = options.attempts ?? 4
  const backoff = options.backoffMs ?? 300
  return {
    async send(request, signal) {
      for (let attempt = 1; ; attempt += 1) {
        const last = !request.repeatable || attempt >= attempts
        const wait = backoff * 2 ** (attempt - 1)
        try {
          const response = await followRedirects(options, request, signal)
          if (last || !RETRIED_STATUS.has(response.status)) return response
          const asked = retryAfter(response, options.effects.now())
          if (asked !== undefined && asked > MAX_RETRY_AFTER_MS) return response
          await discard(response)
          await pause(Math.max(wait, asked ?? 0), request.url, signal)
        } catch (error) {
          if (last || signal.aborted || !RETRIED_CODES.has(causeCode(error))) throw connectionError(request.url, error, signal)
          await pause(wait, request.url, signal)
        }
      }
    },
  }
}

/** Lets go of a body nobody wants, so that the connection can serve again. */
export async function discard(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined)
}

async function followRedirects(options: TransportOptions, request: HttpRequest, signal: AbortSignal): Promise<Response> {
  const origin = new URL(request.url).origin
  let { url, headers } = request
  for (let hops = 0; hops <= MAX_REDIRECTS; hops += 1) {
    const response = await sendOnce(options, { ...request, url, headers }, signal)
    const location = response.headers.get('location')
    const redirected = response.status >= 301 && response.status <= 308 && response.status !== 304 && location !== null
    if (!redirected || request.method === 'PUT' || request.body !== undefined) return response
    await discard(response)
    const next = redirectTarget(url, location, request)
    if (next.origin !== origin) headers = withoutAuthorization(headers)
    url = next.href
  }
  throw badAnswer(describe(request), `more than ${MAX_REDIRECTS} redirects`)
}

function redirectTarget(from: string, location: string, request: HttpRequest): URL {
  if (!URL.canParse(location, from)) throw badAnswer(describe(request), 'a redirect to nowhere')
  const next = new URL(location, from)
  const secure = next.protocol === 'https:' || (next.protocol === 'http:' && (from.startsWith('http:') || isLoopback(next.host)))
  if (!secure) throw badAnswer(describe(request), `a redirect to \`${redactUrl(next.href)}\`, which is not encrypted`)
  return next
}

function withoutAuthorization(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization'))
}

/** The timer covers the answer's head only; bodies have an idle timer of their own (`chunksOf`). */
async function sendOnce(options: TransportOptions, request: HttpRequest, signal: AbortSignal): Promise<Response> {
  const limit = options.headTimeoutMs ?? 30_000
  const timeout = new AbortController()
  // a body's upload takes the time that it takes
  const timer = request.body === undefined ? setTimeout(() => timeout.abort(), limit) : undefined
  try {
    return await options.effects.fetch(request.url, {
      method: request.method,
      // a compressed transfer would be unpacked on the way and no longer match its digest
      headers: { 'accept-encoding': 'identity', 'user-agent': 'tsbuild', ...request.headers },
      redirect: 'manual',
      signal: AbortSignal.any([signal, timeout.signal]),
      ...bodyOf(request),
    })
  } catch (error) {
    if (!timeout.signal.aborted || signal.aborted) throw error
    throw Object.assign(new Error(`no answer within ${limit / 1000} s`, { cause: error }), { code: 'TSB_TIMEOUT' })
  } finally {
    clearTimeout(timer)
  }
}

function bodyOf(request: HttpRequest): Pick<RequestInit, 'body' | 'duplex'> {
  return request.body === undefined ? {} : { body: request.body(), duplex: 'half' }
}

function retryAfter(response: Response, now: number): number | undefined {
  const text = response.headers.get('retry-after')
  if (text === null) return undefined
  if (/^\d+$/.test(text)) return Number(text) * 1000
  const date = Date.parse(text)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

async function pause(ms: number, url: string, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal })
  } catch (error) {
    throw connectionError(url, error, signal)
  }
}

/** `GET https://host/path`, for messages. */
export function describe(request: Pick<HttpRequest, 'method' | 'url'>): string {
  return `${request.method} ${redactUrl(request.url)}`
}

/** Whether the failure was that nothing, or nothing sensible, listens there. */
export function isUnreachable(error: unknown): error is TsbError {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'TSB_REGISTRY_UNREACHABLE'
}
