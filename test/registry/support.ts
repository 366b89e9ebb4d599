import { createRegistryClient, type RegistryClientOptions } from '../../registry/client.ts'
import type { PushSource, RegistryClient } from '../../registry/types.ts'
import type { Handler, SeenRequest } from '../support/http-server.ts'
import type { TestImage } from '../support/images.ts'

/** Aborts never. */
export const CALM: AbortSignal = new AbortController().signal

/** A client with the real fetch, no credentials and short waits. */
export function testClient(options: Partial<RegistryClientOptions> = {}): RegistryClient {
  return createRegistryClient({ effects: { fetch, now: Date.now }, credentials: async () => undefined, backoffMs: 5, ...options })
}

/** An image as something to push. */
export function pushSource(image: TestImage): PushSource {
  return {
    manifestBytes: image.manifestBytes,
    manifest: image.manifest,
    async *open(descriptor) {
      const bytes = image.blobs.get(descriptor.digest)
      if (bytes === undefined) throw new Error(`no blob ${descriptor.digest}`)
      for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000)
    },
  }
}

/** Serves the documents of images as a registry does: manifests by digest and as tag `1` (the first), blobs by digest. */
export function imageHandler(images: readonly TestImage[]): Handler {
  const files = new Map<string, { type: string; bytes: Buffer }>()
  for (const [index, image] of images.entries()) {
    const document = { type: image.manifest.mediaType, bytes: image.manifestBytes }
    if (index === 0) files.set('/v2/app/manifests/1', document)
    files.set(`/v2/app/manifests/${image.manifestDigest}`, document)
    for (const [digest, bytes] of image.blobs) files.set(`/v2/app/blobs/${digest}`, { type: 'application/octet-stream', bytes })
  }
  return (request, response) => {
    const file = files.get(request.url)
    if (file === undefined) response.writeHead(404).end()
    else response.writeHead(200, { 'content-type': file.type, 'content-length': file.bytes.length }).end(file.bytes)
  }
}

/** For `assert.rejects`: a TsbError with this code. */
export function withCode(code: string): (error: unknown) => boolean {
  return (error) => {
    if (typeof error === 'object' && error !== null && 'code' in error && error.code === code) return true
    throw error
  }
}

/** `METHOD /path` of what a server has seen. */
export function seen(requests: readonly SeenRequest[]): readonly string[] {
  return requests.map(({ method, url }) => `${method} ${url}`)
}
