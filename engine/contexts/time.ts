import type { TimeSource } from '../../frontend/index.ts'
import { contextForm, remoteWork } from './remote.ts'
import type { ContextHost, ContextSource, Fetching } from './types.ts'

/**
 * Seconds since 1970 of what SOURCE_DATE_EPOCH names: of a commit, of a download (what its server says; else, of an archive, its
 * newest file). A directory of this machine has no time. What is fetched for this is not fetched again when it is used.
 * @throws TsbError `TSB_GIT_*`, `TSB_HTTP_*`, `TSB_COPY_ARCHIVE`
 */
export async function timeOf(
  source: TimeSource,
  sources: ReadonlyMap<string, ContextSource>,
  host: ContextHost,
  fetching: Fetching,
): Promise<number | undefined> {
  switch (source.kind) {
    case 'context': {
      const context = sources.get(source.name)
      if (context?.kind !== 'remote') return undefined
      return (await context.fetch(fetching)).time ?? (await context.newest?.(fetching))
    }
    case 'git': {
      const { fetchGit } = await import('../remote/git.ts')
      return (await fetchGit(await remoteWork(host, fetching), source)).time
    }
    case 'http': {
      const { fetchHttp, fileForm } = await import('../remote/http.ts')
      const { url, name, checksum } = source
      const wanted = { url, ...(checksum === undefined ? {} : { checksum }) }
      const work = await remoteWork(host, fetching)
      const file = await fetchHttp(work, { ...wanted, ...fileForm(name) })
      return file.time ?? (await fetchHttp(work, { ...wanted, ...(await contextForm()) })).time
    }
  }
}
