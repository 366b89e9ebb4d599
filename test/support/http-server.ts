import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

/** A small server on loopback that misbehaves as a test wants it to. */
export interface TestServer extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string
  /** What came in, in order. */
  readonly requests: readonly SeenRequest[]
}

export interface SeenRequest {
  readonly method: string
  /** Path and query. */
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

export type Handler = (request: SeenRequest, response: ServerResponse) => void

/** Serves `handler` on a free port until disposed; open connections are cut then. */
export async function startServer(handler: Handler): Promise<TestServer> {
  const requests: SeenRequest[] = []
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('error', () => undefined)
    incoming.on('end', () => {
      const seen = { method: incoming.method ?? '', url: incoming.url ?? '', headers: incoming.headers, body: Buffer.concat(chunks) }
      requests.push(seen)
      handler(seen, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    host: `127.0.0.1:${address.port}`,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
