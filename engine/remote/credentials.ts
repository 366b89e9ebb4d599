import { basicAuthorization, type SplitUrl } from '../../core/url.ts'
import type { RemoteWork } from './types.ts'

/**
 * The `Authorization` of a request for a file: what stands in the URL, else the secrets `HTTP_AUTH_HEADER_HOST` (as it is) and
 * `HTTP_AUTH_TOKEN_HOST` (a bearer's), as BuildKit calls them.
 * @throws TsbError `TSB_SECRET_UNREADABLE`
 */
export async function httpAuthorization(work: RemoteWork, { url, credentials }: SplitUrl): Promise<string | undefined> {
  if (credentials !== undefined) return basicAuthorization(credentials)
  const { host } = new URL(url)
  const header = await readSecret(work, `HTTP_AUTH_HEADER_${host}`)
  if (header !== undefined) return header
  const token = await readSecret(work, `HTTP_AUTH_TOKEN_${host}`)
  return token === undefined ? undefined : `Bearer ${token}`
}

/**
 * The same for a git repository (docker docs, "Git authentication for remote contexts"): `GIT_AUTH_HEADER` and `GIT_AUTH_TOKEN`, which
 * is that of GitHub's and GitLab's user `x-access-token`; those with `.HOST` behind them come first. Not for ssh, which has its agent.
 * @throws TsbError `TSB_SECRET_UNREADABLE`
 */
export async function gitAuthorization(work: RemoteWork, { url, credentials }: SplitUrl): Promise<string | undefined> {
  if (credentials !== undefined) return basicAuthorization(credentials)
  if (!/^https?:/i.test(url) || !URL.canParse(url)) return undefined
  const { host } = new URL(url)
  for (const suffix of [`.${host}`, '']) {
    const header = await readSecret(work, `GIT_AUTH_HEADER${suffix}`)
    if (header !== undefined) return header
    const token = await readSecret(work, `GIT_AUTH_TOKEN${suffix}`)
    if (token !== undefined) return basicAuthorization({ username: 'x-access-token', password: token })
  }
  return undefined
}

async function readSecret({ secrets }: RemoteWork, id: string): Promise<string | undefined> {
  const bytes = await secrets.read(id)
  const text = bytes === undefined ? '' : Buffer.from(bytes).toString('utf8').trim()
  return text === '' ? undefined : text
}
