import type { Effects } from '../core/effects.ts'
import { interrupted } from '../core/error.ts'
import { type Challenge, parseChallenges } from './challenge.ts'
import type { Credential, FindCredential } from './credentials.ts'
import type { Endpoint } from './endpoint.ts'
import { unauthorized } from './errors.ts'
import { fetchToken, type Token } from './token.ts'
import type { Transport } from './transport.ts'

export interface AuthOptions {
  readonly transport: Transport
  readonly credentials: FindCredential
  readonly now: Effects['now']
}

/** What a request is about: the repository, and what is to be done with it. */
export interface Access {
  readonly repository: string
  readonly actions: 'pull' | 'pull,push'
}

/** Knows what to send as `Authorization`; one for all registries of a client. */
export interface Authenticator {
  /** What to send at first: from an earlier challenge, or nothing. */
  authorization(endpoint: Endpoint, access: Access, signal: AbortSignal): Promise<string | undefined>
  /**
   * What to send after a 401 with `header` (WWW-Authenticate); `undefined` when there is nothing better than before.
   * @throws TsbError `TSB_REGISTRY_UNAUTHORIZED`
   */
  answer(endpoint: Endpoint, access: Access, header: string, refused: string | undefined, signal: AbortSignal): Promise<string | undefined>
}

/** Tokens are renewed this long before they run out: a request may take a while to arrive. */
const MARGIN_MS = 10_000

/**
 * Distribution spec's token flow and Basic. Tokens are kept for a registry, repository and set of actions until
 * they expire; simultaneous requests share one token request.
 */
export function createAuthenticator(options: AuthOptions): Authenticator {
  const challenges = new Map<string, Challenge>()
  const tokens = new Map<string, Promise<Token>>()

  async function headerFor(endpoint: Endpoint, access: Access, challenge: Challenge, signal: AbortSignal): Promise<string | undefined> {
    const found = await lookUp(options.credentials, endpoint)
    if (found.credential?.kind === 'registry-token') return `Bearer ${found.credential.token}`
    if (challenge.scheme === 'basic') return basicHeader(endpoint, found)
    const key = tokenKey(endpoint, access)
    const request = { challenge, scope: scopeOf(access), credential: found.credential, lookupError: found.error, endpoint }
    const pending = tokens.get(key) ?? fetchToken(options, request)
    if (!tokens.has(key)) {
      tokens.set(key, pending)
      pending.catch(() => tokens.delete(key))
    }
    const token = await abortable(pending, signal)
    return `Bearer ${token.value}`
  }

  return {
    async authorization(endpoint, access, signal) {
      const challenge = challenges.get(endpoint.domain)
      if (challenge === undefined) return undefined
      const key = tokenKey(endpoint, access)
      const kept = tokens.get(key)
      if (kept !== undefined && (await abortable(kept, signal)).expires - MARGIN_MS <= options.now()) tokens.delete(key)
      return headerFor(endpoint, access, challenge, signal)
    },
    async answer(endpoint, access, header, refused, signal) {
      const offered = parseChallenges(header)
      const challenge =
        offered.find((one) => one.scheme === 'bearer' && 'realm' in one.parameters) ?? offered.find((one) => one.scheme === 'basic')
      if (challenge === undefined) return undefined
      challenges.set(endpoint.domain, challenge)
      const key = tokenKey(endpoint, access)
      const kept = await tokens.get(key)?.catch(() => undefined)
      // whoever else was refused with the same token may have fetched a new one meanwhile
      if (kept !== undefined && refused === `Bearer ${kept.value}`) tokens.delete(key)
      const chosen = await headerFor(endpoint, access, challenge, signal)
      return chosen === refused ? undefined : chosen
    },
  }
}

interface Found {
  readonly credential: Credential | undefined
  /** Why there is none, when something went wrong: it matters only if the registry insists. */
  readonly error?: unknown
}

async function lookUp(credentials: FindCredential, endpoint: Endpoint): Promise<Found> {
  try {
    return { credential: await credentials(endpoint.domain) }
  } catch (error) {
    return { credential: undefined, error }
  }
}

function basicHeader(endpoint: Endpoint, { credential, error }: Found): string | undefined {
  if (credential?.kind === 'password') {
    return `Basic ${Buffer.from(`${credential.username}:${credential.password}`).toString('base64')}`
  }
  if (error !== undefined) throw unauthorized(endpoint.domain, 'credentials could not be read', error)
  return undefined
}

function scopeOf(access: Access): string {
  return `repository:${access.repository}:${access.actions}`
}

function tokenKey(endpoint: Endpoint, access: Access): string {
  return `${endpoint.domain} ${scopeOf(access)}`
}

/** A shared request goes on for the others when one of those who wait for it gives up. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(interrupted())
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(interrupted())
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
