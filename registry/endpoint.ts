import type { Effects } from '../core/effects.ts'
import { interrupted } from '../core/error.ts'
import { causeCode } from './errors.ts'

/** Where a registry is spoken to. */
export interface Endpoint {
  /** As in references (`docker.io`): what credentials are kept under. */
  readonly domain: string
  /** `https://registry-1.docker.io`, without a slash at the end. */
  readonly origin: string
}

export interface EndpointOptions {
  readonly effects: Pick<Effects, 'fetch'>
  /** Registries besides those on loopback that may be spoken to without TLS, as `host[:port]`. */
  readonly insecure?: readonly string[]
}

export type FindEndpoint = (domain: string, signal: AbortSignal) => Promise<Endpoint>

const DOCKER_HUB = 'registry-1.docker.io'
const PROBE_TIMEOUT_MS = 5_000

/**
 * Chooses host and scheme: Docker Hub's registry has a name of its own, and registries on loopback (or declared
 * insecure) are tried with TLS first and without it then, as docker does. The choice is made once a registry.
 */
export function createEndpoints(options: EndpointOptions): FindEndpoint {
  const known = new Map<string, Promise<Endpoint>>()
  return (domain, signal) => {
    if (domain === 'docker.io') return Promise.resolve({ domain, origin: `https://${DOCKER_HUB}` })
    if (!isLoopback(domain) && options.insecure?.includes(domain) !== true) return Promise.resolve({ domain, origin: `https://${domain}` })
    const found = known.get(domain)
    if (found !== undefined) return found
    const probed = probe(options.effects, domain, signal)
    known.set(domain, probed)
    probed.catch(() => known.delete(domain))
    return probed
  }
}

/** Whether `host[:port]` is this machine by its own account: 127.0.0.0/8, `::1`, `localhost`. */
export function isLoopback(host: string): boolean {
  const bare = host.startsWith('[') ? host.slice(1, host.indexOf(']')) : host.replace(/:\d+$/, '')
  return bare === 'localhost' || bare === '::1' || /^127(?:\.\d{1,3}){3}$/.test(bare)
}

async function probe(effects: Pick<Effects, 'fetch'>, domain: string, signal: AbortSignal): Promise<Endpoint> {
  const secure = { domain, origin: `https://${domain}` }
  try {
    const response = await effects.fetch(`${secure.origin}/v2/`, {
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(PROBE_TIMEOUT_MS)]),
    })
    await response.body?.cancel()
    return secure
  } catch (error) {
    if (signal.aborted) throw interrupted()
    // TLS is spoken there, only not to our liking: plain HTTP would hide the reason
    return /CERT|ISSUER|SELF_SIGNED/.test(causeCode(error)) ? secure : { domain, origin: `http://${domain}` }
  }
}
