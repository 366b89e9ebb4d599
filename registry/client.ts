import { createAuthenticator } from './auth.ts'
import { readBlob } from './blob.ts'
import type { FindCredential } from './credentials.ts'
import { createEndpoints } from './endpoint.ts'
import { createLanes } from './lanes.ts'
import { pushImage } from './push.ts'
import { resolveImage } from './resolve.ts'
import { createSession } from './session.ts'
import { createTransport, type TransportOptions } from './transport.ts'
import type { RegistryClient } from './types.ts'

export interface RegistryClientOptions extends TransportOptions {
  readonly credentials: FindCredential
  /** Registries besides those on loopback that may be spoken to without TLS, as `host[:port]`. */
  readonly insecure?: readonly string[]
  /** Simultaneous downloads, and as many uploads, a registry; default 4. */
  readonly concurrency?: number
}

/** A client for any number of registries: connections, tokens and choices of scheme are kept as long as it lives. */
export function createRegistryClient(options: RegistryClientOptions): RegistryClient {
  const transport = createTransport(options)
  const auth = createAuthenticator({ transport, credentials: options.credentials, now: options.effects.now })
  const session = createSession(transport, auth, createEndpoints(options), createLanes(options.concurrency ?? 4))
  return {
    resolve: (reference, platform, signal) => resolveImage(session, reference, platform, signal),
    blob: (reference, descriptor, signal) => readBlob(session, reference, descriptor, signal),
    push: (reference, image, signal) => pushImage(session, reference, image, signal),
  }
}
