import { type ClientRequest, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { connect as tlsConnect } from 'node:tls'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import { basicAuthorization } from '../../core/url.ts'

/**
 * `fetch` through a proxy (RFC 9110, 7.6 and 9.3.6): what is not encrypted is asked of the proxy, what is goes through a tunnel.
 * Redirects are the caller's to follow.
 * @throws Error that names the proxy when it is its fault; what `fetch` would throw otherwise
 */
export async function fetchThrough(proxy: URL, url: URL, init: RequestInit): Promise<Response> {
  const { signal, method = 'GET' } = init
  signal?.throwIfAborted()
  const own = { signal: signal ?? undefined, method, headers: headersOf(init, url) }
  const request = url.protocol === 'https:' ? await tunnelled(proxy, url, own) : plain(proxy, url, own)
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    request.on('response', resolve)
    request.on('error', (error) => reject(url.protocol === 'https:' ? error : proxyError(proxy, error)))
  })
  const [response] = await Promise.all([answer, send(request, init.body)])
  return asResponse(response)
}

type Own = Pick<RequestOptions, 'method'> & { readonly signal: AbortSignal | undefined; readonly headers: Record<string, string> }

function plain(proxy: URL, url: URL, own: Own): ClientRequest {
  const { headers, ...rest } = own
  return connector(proxy)({ ...placeOf(proxy), ...rest, path: url.href, headers: { ...headers, ...authorization(proxy) } })
}

async function tunnelled(proxy: URL, url: URL, own: Own): Promise<ClientRequest> {
  const port = url.port === '' ? '443' : url.port
  const host = `${url.hostname}:${port}`
  const connect = connector(proxy)({
    ...placeOf(proxy),
    method: 'CONNECT',
    path: host,
    headers: { host, ...authorization(proxy) },
    signal: own.signal,
  })
  const socket = await new Promise<Socket>((resolve, reject) => {
    connect.on('error', (error) => reject(proxyError(proxy, error)))
    connect.on('connect', (response, tunnel) => {
      if (response.statusCode === 200) return resolve(tunnel)
      tunnel.destroy()
      reject(new Error(`the proxy \`${proxy.host}\` answers ${response.statusCode}`))
    })
    connect.end()
  })
  const name = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const createConnection = (): Socket => tlsConnect({ socket, servername: name, ALPNProtocols: ['http/1.1'] })
  // Without an agent: one would open connections of its own.
  return httpsRequest({ host: name, port, path: `${url.pathname}${url.search}`, ...own, createConnection })
}

function connector(proxy: URL): typeof httpRequest {
  return proxy.protocol === 'https:' ? httpsRequest : httpRequest
}

function placeOf(proxy: URL): RequestOptions {
  return { host: proxy.hostname.replace(/^\[(.*)\]$/, '$1'), port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80), agent: false }
}

function authorization({ username, password }: URL): Record<string, string> {
  if (username === '') return {}
  const credentials = { username: decodeURIComponent(username), password: decodeURIComponent(password) }
  return { 'proxy-authorization': basicAuthorization(credentials) }
}

function headersOf(init: RequestInit, url: URL): Record<string, string> {
  const given = Object.fromEntries(new Headers(init.headers))
  return { host: url.host, accept: '*/*', 'accept-encoding': 'gzip', ...given }
}

async function send(request: ClientRequest, body: RequestInit['body']): Promise<void> {
  if (body === undefined || body === null) return void request.end()
  if (typeof body === 'string' || body instanceof Uint8Array) return void request.end(body)
  await pipeline(Readable.from(body as AsyncIterable<Uint8Array>), request)
}

/** Statuses that have no body (fetch standard, "null body status"). */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304])

function asResponse(incoming: IncomingMessage): Response {
  const status = incoming.statusCode ?? 0
  const headers = new Headers()
  for (const [name, value] of Object.entries(incoming.headers)) {
    for (const each of Array.isArray(value) ? value : [value ?? '']) headers.append(name, each)
  }
  if (BODILESS.has(status)) {
    incoming.resume()
    return new Response(null, { status, headers })
  }
  return new Response(Readable.toWeb(decoded(incoming)) as ReadableStream<Uint8Array>, { status, headers })
}

function decoded(incoming: IncomingMessage): Readable {
  const decoders = { gzip: createGunzip, 'x-gzip': createGunzip, deflate: createInflate, br: createBrotliDecompress }
  const coding = incoming.headers['content-encoding']?.toLowerCase() ?? ''
  if (!Object.hasOwn(decoders, coding)) return incoming
  const decoder = decoders[coding as keyof typeof decoders]()
  incoming.on('error', (error) => decoder.destroy(error))
  return incoming.pipe(decoder)
}

function proxyError(proxy: URL, error: Error): Error {
  if (error.name === 'AbortError') return error
  const code = 'code' in error ? String(error.code) : error.message
  return new Error(`the proxy \`${proxy.host}\` cannot be used: ${code}`)
}
