import type { Effects } from '../core/effects.ts'
import { readBody } from './body.ts'
import type { Challenge } from './challenge.ts'
import type { Credential } from './credentials.ts'
import { type Endpoint, isLoopback } from './endpoint.ts'
import { answerError, badAnswer, unauthorized } from './errors.ts'
import { describe, discard, type HttpRequest, type Transport } from './transport.ts'

export interface Token {
  readonly value: string
  /** Milliseconds since 1970. */
  readonly expires: number
}

export interface TokenRequest {
  readonly endpoint: Endpoint
  readonly challenge: Challenge
  /** `repository:path:actions`; joined with what the challenge names. */
  readonly scope: string
  readonly credential: Credential | undefined
  /** Why there is no credential, if its lookup failed. */
  readonly lookupError?: unknown
}

const TOKEN_BYTES = 1 << 20
/** Distribution's token spec: what holds where `expires_in` is absent. */
const DEFAULT_LIFETIME_S = 60
const TIMEOUT_MS = 60_000

/**
 * Gets a bearer token from the server that the challenge names: by GET with Basic (or without credentials), by an
 * OAuth2 POST where there is an identity token (distribution's "Token Authentication" and "OAuth2").
 * @throws TsbError `TSB_REGISTRY_UNAUTHORIZED`, and whatever the transport throws
 */
export async function fetchToken(options: { transport: Transport; now: Effects['now'] }, request: TokenRequest): Promise<Token> {
  const realm = realmOf(request)
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const http =
    request.credential?.kind === 'identity-token' ? oauthRequest(realm, request, request.credential.token) : basicRequest(realm, request)
  const response = await options.transport.send(http, signal)
  if (response.status !== 200) throw await refusal(response, http, request)
  const body = await readBody(response, TOKEN_BYTES, describe(http), signal)
  return parseToken(body, describe(http), options.now())
}

function realmOf({ challenge, credential, endpoint }: TokenRequest): URL {
  const realm = challenge.parameters['realm'] ?? ''
  const url = URL.canParse(realm) ? new URL(realm) : undefined
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw badAnswer(`GET ${endpoint.origin}/v2/`, 'its challenge names no usable realm')
  }
  if (credential !== undefined && !mayCarrySecret(url, endpoint)) {
    throw unauthorized(endpoint.domain, `credentials will not be sent to \`${url.host}\` without encryption`)
  }
  return url
}

/** Encrypted, on this machine, or the registry itself (which was declared fit for it). */
function mayCarrySecret(url: URL, endpoint: Endpoint): boolean {
  return url.protocol === 'https:' || isLoopback(url.host) || endpoint.origin === url.origin
}

function basicRequest(realm: URL, request: TokenRequest): HttpRequest {
  const url = new URL(realm)
  const { service } = request.challenge.parameters
  if (service !== undefined) url.searchParams.set('service', service)
  for (const scope of scopesOf(request)) url.searchParams.append('scope', scope)
  const headers: Record<string, string> = {}
  if (request.credential?.kind === 'password') {
    const { username, password } = request.credential
    url.searchParams.set('account', username)
    headers['authorization'] = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  }
  return { method: 'GET', url: url.href, headers, repeatable: true }
}

function oauthRequest(realm: URL, request: TokenRequest, refreshToken: string): HttpRequest {
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    service: request.challenge.parameters['service'] ?? '',
    client_id: 'tsbuild',
    scope: scopesOf(request).join(' '),
    refresh_token: refreshToken,
  })
  return {
    method: 'POST',
    url: realm.href,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: () => form.toString(),
    repeatable: true,
  }
}

/** What we need, and what the registry asks for beyond that. */
function scopesOf({ challenge, scope }: TokenRequest): readonly string[] {
  const asked = (challenge.parameters['scope'] ?? '').split(' ').filter((text) => text !== '')
  const resource = scope.slice(0, scope.lastIndexOf(':') + 1)
  // a challenge is kept for its registry: scopes of the repository it once was about do not belong to others
  return [scope, ...asked.filter((text) => !text.startsWith('repository:') && !text.startsWith(resource))]
}

async function refusal(response: Response, http: HttpRequest, request: TokenRequest): Promise<Error> {
  if (response.status !== 401 && response.status !== 403 && response.status !== 400)
    return answerError(response, describe(http), request.endpoint.domain)
  await discard(response)
  const why = request.credential === undefined ? 'it gives no token without login' : 'the credentials are not accepted'
  return unauthorized(request.endpoint.domain, why, request.lookupError)
}

function parseToken(body: Uint8Array, request: string, now: number): Token {
  let answer: unknown
  try {
    answer = JSON.parse(Buffer.from(body).toString('utf8'))
  } catch {
    throw badAnswer(request, 'it is not JSON')
  }
  const { token, access_token, expires_in } = (typeof answer === 'object' && answer !== null ? answer : {}) as Record<string, unknown>
  const value = typeof token === 'string' && token !== '' ? token : access_token
  // what goes into a header must be one line of visible characters
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) throw badAnswer(request, 'there is no token in it')
  const lifetime = typeof expires_in === 'number' && expires_in > 0 ? expires_in : DEFAULT_LIFETIME_S
  return { value, expires: now + lifetime * 1000 }
}
