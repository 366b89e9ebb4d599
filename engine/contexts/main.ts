import { statSync } from 'node:fs'
import { posix } from 'node:path'
import { TsbError } from '../../core/error.ts'
import { type SourceFile, sourceFile } from '../../core/span.ts'
import type { IgnoreFile } from '../../frontend/index.ts'
import { contextDirectory } from './directory.ts'
import { readIgnore, readLocalDockerfile, readRemoteDockerfile } from './dockerfile.ts'
import { downloadContext, fileContext, gitContext, SINGLE_FILE } from './remote.ts'
import type { ContextHost, ContextSource, Fetching, RemoteSource } from './types.ts'

/** The files of a build, and the one that says what to do with them. */
export interface MainContext {
  readonly source: ContextSource
  readonly dockerfile: SourceFile
  /** Directories only: what is fetched comes without what should not be there. */
  readonly ignore: IgnoreFile | undefined
}

/**
 * Opens what stands in the place of PATH, as docker tells it: `-` is standard input (a tar, or a Dockerfile); what is a directory
 * is one; then URLs of git repositories and of the web. Fetches it, since the Dockerfile is in it. `-f -` is standard input, too.
 * @throws TsbError `TSB_CONTEXT_*`, `TSB_DOCKERFILE_MISSING`, `TSB_DOCKERFILE_UNREADABLE`, `TSB_USAGE_STDIN_TWICE`, `TSB_IGNORE_*`,
 *   `TSB_GIT_*`, `TSB_HTTP_*`, `TSB_COPY_ARCHIVE`
 */
export async function openMainContext(host: ContextHost, fetching: Fetching): Promise<MainContext> {
  const { context, file } = host.options
  if (context === '-') return openInputContext(host, fetching)
  if (isDirectory(context)) return openDirectory(host, fetching)
  const source = await urlContext(host, context)
  // What is neither is a directory that is not there.
  if (source === undefined) return openDirectory(host, fetching)
  const input = await dockerfileFromOutside(host, fetching)
  const tree = await source.fetch(fetching)
  return { source, dockerfile: input ?? (await readRemoteDockerfile(await host.keep(), tree, file, true)), ignore: undefined }
}

/** What cannot be looked at (a URL may be longer than a path) is none. */
function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

async function openDirectory(host: ContextHost, fetching: Fetching): Promise<MainContext> {
  const { context, file, noStatCache } = host.options
  const root = contextDirectory(context, 'the build context')
  const input = await dockerfileFromOutside(host, fetching)
  const { dockerfile, ignore: ignoreFile } =
    input === undefined ? await readLocalDockerfile(root, file) : { dockerfile: input, ...(await readIgnore(root, [])) }
  const { parseIgnore } = await import('../../frontend/index.ts')
  const ignore = ignoreFile === undefined ? undefined : parseIgnore(ignoreFile)
  const directory = { root, rules: ignore?.rules ?? [], readAll: noStatCache }
  return { source: { kind: 'directory', open: async () => ({ directory, ignore }) }, dockerfile, ignore }
}

async function openInputContext(host: ContextHost, fetching: Fetching): Promise<MainContext> {
  const { file } = host.options
  if (file === '-') {
    throw new TsbError('TSB_USAGE_STDIN_TWICE', 'context and Dockerfile cannot both come from standard input', {
      fault: 'usage',
      hint: 'put the Dockerfile into the tar, or give a directory as the context',
    })
  }
  const { readInputContext } = await import('./stdin.ts')
  const input = await readInputContext(host, fetching)
  const source: ContextSource = { kind: 'remote', fetch: input.tree }
  if (input.kind === 'archive') {
    return { source, dockerfile: await readRemoteDockerfile(await host.keep(), await input.tree(), file, false), ignore: undefined }
  }
  if (file === undefined) return { source, dockerfile: input.dockerfile, ignore: undefined }
  throw new TsbError('TSB_USAGE_STDIN_TWICE', 'standard input is a Dockerfile, and `-f` names another', {
    fault: 'usage',
    hint: 'give a tar on standard input, or leave `-f` out',
  })
}

/** Git repositories, also by the shorthand `github.com/`, and whatever else is at a URL of the web. */
async function urlContext(host: ContextHost, text: string): Promise<RemoteSource | undefined> {
  const { isHttpUrl, parseGit } = await import('../../frontend/index.ts')
  const git = parseGit(text)
  if (git === undefined) return isHttpUrl(text) ? downloadContext(host, text) : undefined
  const { buildArgs } = await import('../compile.ts')
  const args = buildArgs(host.options, host.env)
  const { shorthand: _, ...source } = git
  const keepGitDir = (git.keepGitDir ?? false) || /^(?:1|t|true)$/i.test(args.get('BUILDKIT_CONTEXT_KEEP_GIT_DIR') ?? '')
  const mtime = (args.get('SOURCE_DATE_EPOCH') ?? '') === '' ? git.mtime : 'commit'
  return gitContext(host, { ...source, keepGitDir, mtime })
}

/** A Dockerfile that is in no context: of standard input, or of the web. */
async function dockerfileFromOutside(host: ContextHost, fetching: Fetching): Promise<SourceFile | undefined> {
  const { file } = host.options
  if (file === '-') {
    const { openInput } = await import('../import.ts')
    const chunks: Uint8Array[] = []
    for await (const chunk of openInput('-', fetching.signal)) chunks.push(chunk)
    return sourceFile('Dockerfile', Buffer.concat(chunks))
  }
  if (file === undefined || !/^https?:\/\//.test(file)) return undefined
  const tree = await fileContext(host, file).fetch(fetching)
  const { text } = await readRemoteDockerfile(await host.keep(), tree, SINGLE_FILE, false)
  return { name: posix.basename(new URL(file).pathname) || 'Dockerfile', text }
}
