import { interrupted, isTsbError, TsbError } from '../../core/error.ts'
import { redactUrl, splitCredentials } from '../../core/url.ts'
import { httpAuthorization } from './credentials.ts'
import type { RemoteWork } from './types.ts'

/** What a server said of a file (RFC 9110, 8.8). */
export interface Validators {
  readonly etag?: string
  /**
   * When it was changed. Nothing is asked for by it: two changes within a second have the same, and of a file that went back to what
   * it was before many servers say that nothing is newer.
   */
  readonly lastModified?: string
}

/** An answer with a body, or the word that what we have is still right. */
export type Answer =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'content'; readonly body: AsyncIterable<Uint8Array>; readonly length?: number; readonly validators: Validators }

/** Tries in all, and the wait before the second one, doubled for each further. */
const ATTEMPTS = 3
const BACKOFF_MS = 300

/**
 * Asks for the content of a URL, unless it still has the entity tag that `known` has. Redirects are followed. A server that does not heed
 * `If-None-Match` and answers with the same entity tag is not read to the end.
 * @throws TsbError `TSB_HTTP_STATUS`, `TSB_HTTP_UNREACHABLE`, `TSB_HTTP_URL`, `TSB_INTERRUPTED`
 */
export async function request(work: RemoteWork, url: string, known: Validators | undefined): Promise<Answer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await sendOnce(work, url, known)
      const passing = response.status === 429 || response.status >= 500
      if (!passing || attempt === ATTEMPTS) return await answerOf(response, url, known)
      await response.body?.cancel()
    } catch (error) {
      if (work.signal.aborted) throw interrupted()
      if (isTsbError(error)) throw error
      const isLost = /^(?:ECONNRESET|EPIPE|EAI_AGAIN|UND_ERR_SOCKET)$/.test(causeCode(error))
      if (!isLost || attempt === ATTEMPTS) throw unreachable(url, error)
    }
    await new Promise((resolve) => setTimeout(resolve, BACKOFF_MS * 2 ** (attempt - 1)))
  }
}

/** As many as Go's client follows, which is docker's. */
const MAX_REDIRECTS = 10

/** Follows redirects; credentials go no further than the host that they are for. */
async function sendOnce(work: RemoteWork, url: string, known: Validators | undefined): Promise<Response> {
  const split = splitCredentials(url)
  const first = split.url
  if (!URL.canParse(first)) {
    throw new TsbError('TSB_HTTP_URL', `\`${redactUrl(url)}\` is not a URL`, { fault: 'input', hint: 'check its host and its port' })
  }
  const authorization = await httpAuthorization(work, split)
  let plain = first
  const headers: Record<string, string> = {
    // Whatever stands at the URL is wanted as it stands there.
    accept: '*/*',
    'user-agent': 'tsbuild',
    ...(known?.etag === undefined ? {} : { 'if-none-match': known.etag }),
  }
  for (let hops = 0; hops <= MAX_REDIRECTS; hops += 1) {
    const isFirst = new URL(plain).origin === new URL(first).origin
    const own = authorization === undefined || !isFirst ? {} : { authorization }
    const response = await work.effects.fetch(plain, { headers: { ...headers, ...own }, signal: work.signal, redirect: 'manual' })
    const location = response.headers.get('location')
    if (location === null || ![301, 302, 303, 307, 308].includes(response.status)) return response
    await response.body?.cancel()
    const next = URL.canParse(location, plain) ? new URL(location, plain) : undefined
    if (next === undefined || !/^https?:$/.test(next.protocol)) {
      throw unreachable(url, new Error(`it redirects to \`${redactUrl(location)}\`, which is no address of the web`))
    }
    plain = splitCredentials(next.href).url
  }
  throw unreachable(url, new Error(`more than ${MAX_REDIRECTS} redirects`))
}

async function answerOf(response: Response, url: string, known: Validators | undefined): Promise<Answer> {
  const { status, headers, body } = response
  if (known !== undefined && status === 304) return { kind: 'unchanged' }
  if (status < 200 || status >= 300) {
    await body?.cancel()
    throw badStatus(url, status)
  }
  const etag = headers.get('etag')
  if (etag !== null && etag === known?.etag && !etag.startsWith('W/')) {
    await body?.cancel()
    return { kind: 'unchanged' }
  }
  const lastModified = headers.get('last-modified')
  // Of what came packed the length is that of the packing.
  const length = headers.get('content-encoding') === null ? headers.get('content-length') : null
  return {
    kind: 'content',
    body: (body ?? new Blob([]).stream()) as AsyncIterable<Uint8Array>,
    ...(length === null ? {} : { length: Number(length) }),
    validators: { ...(etag === null ? {} : { etag }), ...(lastModified === null ? {} : { lastModified }) },
  }
}

function badStatus(url: string, status: number): TsbError {
  const hints: Readonly<Record<number, string>> = {
    401: 'the server wants credentials: lend them with `--secret id=HTTP_AUTH_TOKEN_HOST`',
    403: 'the server does not give it to everybody: lend credentials with `--secret id=HTTP_AUTH_TOKEN_HOST`',
    404: 'check the path of the URL',
    429: 'wait, the server has had too many requests',
  }
  return new TsbError('TSB_HTTP_STATUS', `server answers ${status} to \`${redactUrl(url)}\``, {
    fault: 'remote',
    hint: hints[status] ?? (status >= 500 ? 'try again later: the server is in trouble' : 'check the URL'),
  })
}

/** A connection that did not come to be, or broke. `during` says what of the answer had come. */
export function unreachable(url: string, error: unknown, during = ''): TsbError {
  const [reason, hint] = reasonOf(error)
  return new TsbError('TSB_HTTP_UNREACHABLE', `cannot download \`${redactUrl(url)}\`${during}: ${reason}`, {
    fault: 'remote',
    hint,
    cause: error,
  })
}

function reasonOf(error: unknown): readonly [reason: string, hint: string] {
  const code = causeCode(error)
  const text = innermost(error)
  // The fetch standard's "bad ports": those of other protocols, to which no client of the web may be lured.
  if (text === 'bad port') return ['its port is one of another protocol', 'serve it on another port']
  if (/redirect/i.test(text)) return [text, 'check the URL: its server sends from one place to the next']
  switch (code) {
    case 'ECONNREFUSED':
      return ['nobody listens there', 'check host and port, and that the server runs']
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return ['no such host', 'check the name of the host, and the network']
    case 'ECONNRESET':
    case 'UND_ERR_SOCKET':
      return ['the connection broke', 'try again']
    default:
      return [
        text === '' ? code : text,
        /CERT|TLS|SSL/.test(code) ? 'check the certificate of the server' : 'check the URL and the network',
      ]
  }
}

/** The code of what is at the bottom: `fetch failed` says nothing. */
export function causeCode(error: unknown): string {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && typeof cause.code === 'string') return cause.code
  }
  return ''
}

function innermost(error: unknown): string {
  let text = String(error)
  for (let cause = error; cause instanceof Error; cause = cause.cause) if (cause.message !== '') text = cause.message
  return text
}
