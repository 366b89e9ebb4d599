import type { Access, Authenticator } from './auth.ts'
import type { Endpoint, FindEndpoint } from './endpoint.ts'
import type { Lanes } from './lanes.ts'
import { discard, type HttpRequest, type Transport } from './transport.ts'

/** What the verbs of this room (resolve, blob, push) work with. */
export interface Session {
  readonly endpoint: FindEndpoint
  readonly lanes: Lanes
  /** Sends a request, and once more with what a 401 asks for. The caller judges the status. */
  send(endpoint: Endpoint, access: Access, request: HttpRequest, signal: AbortSignal): Promise<Response>
}

/** Joins transport and authentication. */
export function createSession(transport: Transport, auth: Authenticator, endpoint: FindEndpoint, lanes: Lanes): Session {
  return {
    endpoint,
    lanes,
    async send(target, access, request, signal) {
      // only the registry itself may see what is meant for it, wherever an upload's location points
      const trusted = new URL(request.url).origin === new URL(target.origin).origin
      const first = trusted ? await auth.authorization(target, access, signal) : undefined
      const response = await transport.send(withAuthorization(request, first), signal)
      const challenge = response.headers.get('www-authenticate')
      if (response.status !== 401 || challenge === null || !trusted || answeredElsewhere(response, target)) return response
      const second = await auth.answer(target, access, challenge, first, signal)
      if (second === undefined) return response
      await discard(response)
      return transport.send(withAuthorization(request, second), signal)
    },
  }
}

function withAuthorization(request: HttpRequest, authorization: string | undefined): HttpRequest {
  return authorization === undefined ? request : { ...request, headers: { ...request.headers, authorization } }
}

/** A redirect led to a host whose challenge must not make us send it credentials. */
function answeredElsewhere(response: Response, endpoint: Endpoint): boolean {
  return response.url !== '' && new URL(response.url).origin !== new URL(endpoint.origin).origin
}
