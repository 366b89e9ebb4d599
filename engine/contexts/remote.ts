import { open } from 'node:fs/promises'
import { openSecrets } from '../mounts/secrets.ts'
import type { GitSource } from '../remote/git.ts'
import type { HttpSource } from '../remote/http.ts'
import type { RemoteWork } from '../remote/types.ts'
import { beginsArchive, refuseZstd, SNIFFED_BYTES } from './sniff.ts'
import type { ContextHost, Fetching, RemoteSource, RemoteTree } from './types.ts'

/** Fetching for whoever waits for it, and stopped by them. */
export async function remoteWork({ options, env, keep }: ContextHost, { signal, progress }: Fetching): Promise<RemoteWork> {
  return { ...(await keep()), env, secrets: openSecrets(options.secrets, env), signal, progress }
}

/** A git repository as a context. */
export function gitContext(host: ContextHost, source: GitSource): RemoteSource {
  return once(async (fetching) => {
    const { fetchGit } = await import('../remote/git.ts')
    return fetchGit(await remoteWork(host, fetching), source)
  })
}

/** A file of the web as a named context: a tree of one file called `context`, never unpacked. */
export function fileContext(host: ContextHost, url: string): RemoteSource {
  const source = once(async (fetching) => {
    const { fetchHttp, fileForm } = await import('../remote/http.ts')
    return fetchHttp(await remoteWork(host, fetching), { url, ...fileForm(SINGLE_FILE) })
  })
  const unpacked = downloadContext(host, url)
  return { ...source, newest: async (fetching) => (await unpacked.fetch(fetching)).time }
}

/** A file of the web as the main context: an archive is unpacked, anything else is the Dockerfile. */
export function downloadContext(host: ContextHost, url: string): RemoteSource {
  return once(async (fetching) => {
    const { fetchHttp } = await import('../remote/http.ts')
    return fetchHttp(await remoteWork(host, fetching), { url, ...(await contextForm()) })
  })
}

/** What BuildKit calls a file that is all there is. */
export const SINGLE_FILE = 'context'

/** An archive is unpacked, anything else is one file. */
export async function contextForm(): Promise<Pick<HttpSource, 'form' | 'make'>> {
  const [{ fileForm }, { unpackFile }] = await Promise.all([import('../remote/http.ts'), import('../remote/unpack.ts')])
  return {
    form: { kind: 'context' },
    make: async (work, download) => {
      const head = await firstBytes(download.file)
      const { modified } = download
      if (beginsArchive(head)) return { ...(await unpackFile(work, download.file)), ...(modified === undefined ? {} : { time: modified }) }
      refuseZstd(head, 'what the URL has')
      return { ...(await fileForm(SINGLE_FILE).make(work, download)), single: SINGLE_FILE }
    },
  }
}

async function firstBytes(file: string): Promise<Uint8Array> {
  await using handle = await open(file, 'r')
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(SNIFFED_BYTES), 0, SNIFFED_BYTES, 0)
  return buffer.subarray(0, bytesRead)
}

/** Fetched when first asked for; who asks later waits for the same. */
function once(open: (fetching: Fetching) => Promise<RemoteTree>): RemoteSource {
  let pending: Promise<RemoteTree> | undefined
  return { kind: 'remote', fetch: (fetching) => (pending ??= open(fetching)) }
}
