import { posix } from 'node:path'
import { type Digest, isDigest } from '../../core/digest.ts'
import { isTsbError } from '../../core/error.ts'
import type { VertexId } from '../../core/graph.ts'
import type { GitOp, HttpOp } from '../../core/op.ts'
import type { Span } from '../../core/span.ts'
import { hideCredentials, redactUrl } from '../../core/url.ts'
import type { CopyInstruction } from '../instructions/copy.ts'
import { problem } from '../problems.ts'
import { type GitReference, isHttpUrl, parseGit } from '../remote.ts'
import type { LowerContext, StageState } from './state.ts'

/** A source of ADD that has to be fetched: whose root it becomes, and what of that is copied. */
export interface RemoteSource {
  readonly vertex: VertexId
  /** As in `CopyAction.sources`. */
  readonly path: string
  /** The file has a name of its own, and so no pattern. */
  readonly isFile: boolean
}

/** What ADD says of how to fetch, variables expanded. */
export interface FetchFlags {
  readonly checksum: string
  readonly keepGitDir: boolean | undefined
}

/** What a source of ADD or COPY is, by how it is written. */
export type SourceKind = { readonly kind: 'path' } | { readonly kind: 'http' } | { readonly kind: 'git'; readonly git: GitReference }

/** Tells paths from URLs. @throws TsbError `TSB_GIT_URL`, `TSB_DOCKERFILE_COPY_REMOTE` */
export function classifySource({ raw, command }: CopyInstruction, source: string): SourceKind {
  // Looked for only when something is wrong: it takes longer than all the rest.
  const span = (): Span => raw.places.word(source)
  const git = placed(() => parseGit(source), span)
  const found: SourceKind =
    git !== undefined && !git.shorthand ? { kind: 'git', git } : isHttpUrl(source) ? { kind: 'http' } : { kind: 'path' }
  if (command === 'ADD' || found.kind === 'path') return found
  const what = found.kind === 'git' ? 'a git repository' : 'a URL'
  throw problem('TSB_DOCKERFILE_COPY_REMOTE', `\`COPY\` cannot take ${what}`, span(), 'download it in a `RUN`, or use `ADD`')
}

/**
 * The vertex that fetches a source.
 * @throws TsbError `TSB_DOCKERFILE_CHECKSUM`, `TSB_DOCKERFILE_FLAG_INVALID`
 */
export function remoteSource(
  instruction: CopyInstruction,
  source: string,
  found: Exclude<SourceKind, { kind: 'path' }>,
  flags: FetchFlags,
  state: StageState,
  context: LowerContext,
): RemoteSource {
  const op = remoteOp(instruction, source, found, flags)
  const vertex = context.graph.remote(op, { name: `[${state.id}] ${hideCredentials(source)}`, stage: state.id, span: instruction.raw.span })
  if (op.kind === 'git') return { vertex, path: '/', isFile: false }
  return { vertex, path: `/${literal(op.name)}`, isFile: true }
}

/** How a source is fetched. @throws TsbError `TSB_DOCKERFILE_CHECKSUM`, `TSB_DOCKERFILE_FLAG_INVALID` */
export function remoteOp(
  instruction: CopyInstruction,
  source: string,
  found: Exclude<SourceKind, { kind: 'path' }>,
  flags: FetchFlags,
): GitOp | HttpOp {
  return found.kind === 'git' ? gitOp(instruction, found.git, flags) : httpOp(instruction, source, flags)
}

/** A name as a pattern that matches only it. Without wildcards a pattern is taken as it is, backslashes and all. */
function literal(name: string): string {
  return /[*?[]/.test(name) ? name.replace(/\\/g, '\\\\').replace(/[*?[]/g, '[$&]') : name
}

/** What ADD --checksum cannot be said of. @throws TsbError `TSB_DOCKERFILE_CHECKSUM` */
export function refuseChecksum({ raw }: CopyInstruction, kinds: readonly SourceKind[]): void {
  const span = raw.places.word('--checksum')
  if (kinds.some(({ kind }) => kind === 'path') || kinds.length === 0) {
    const hint = 'leave the flag out: what is in the context is known by its content'
    throw problem('TSB_DOCKERFILE_CHECKSUM', '`--checksum` is for URLs and git repositories', span, hint)
  }
  if (kinds.length === 1) return
  throw problem('TSB_DOCKERFILE_CHECKSUM', '`--checksum` is for one source', span, 'write an `ADD` for each of them')
}

function httpOp(instruction: CopyInstruction, url: string, { checksum }: FetchFlags): HttpOp {
  return {
    kind: 'http',
    url,
    name: fileName(instruction, url),
    ...(checksum === '' ? {} : { checksum: readDigest(instruction, checksum) }),
  }
}

function readDigest({ raw }: CopyInstruction, text: string): Digest {
  if (isDigest(text) && text.startsWith('sha256:')) return text
  const hint = 'write `--checksum=sha256:` and 64 hexadecimal digits'
  throw problem('TSB_DOCKERFILE_CHECKSUM', `\`${text}\` is not the checksum of a file`, raw.places.word('--checksum'), hint)
}

/** The last part of the path; BuildKit's word where there is none. */
function fileName({ raw }: CopyInstruction, url: string): string {
  const [, path = ''] = /^https?:\/\/[^/?#]*([^?#]*)/.exec(url) ?? []
  const name = posix.basename(decode(path))
  if (name === '' || name === '.' || name === '..' || name.includes('\0')) return '__unnamed__'
  if (Buffer.byteLength(name) <= 255) return name
  const hint = 'use a shorter URL, such as one that redirects to it'
  throw problem('TSB_HTTP_URL', `the last part of \`${redactUrl(url)}\` is longer than a file's name can be`, raw.places.word(url), hint)
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return ''
  }
}

function gitOp({ raw }: CopyInstruction, git: GitReference, flags: FetchFlags): GitOp {
  const { remote, ref, subdir, submodules } = git
  const checksum = flags.checksum === '' ? git.checksum : flags.checksum
  if (checksum !== undefined && !/^[0-9a-f]{1,64}$/.test(checksum)) {
    const hint = 'write the hexadecimal digits of the commit, or the first of them'
    throw problem('TSB_DOCKERFILE_CHECKSUM', `\`${checksum}\` is not a commit`, raw.places.word('--checksum'), hint)
  }
  const ofUrl = git.checksum
  if (ofUrl !== undefined && checksum !== undefined && !ofUrl.startsWith(checksum) && !checksum.startsWith(ofUrl)) {
    const message = `\`--checksum=${checksum}\` and the URL's \`${ofUrl}\` disagree`
    throw problem('TSB_DOCKERFILE_CHECKSUM', message, raw.places.word('--checksum'), 'keep one of them')
  }
  if (git.keepGitDir !== undefined && flags.keepGitDir !== undefined && git.keepGitDir !== flags.keepGitDir) {
    const message = '`--keep-git-dir` and the URL disagree'
    throw problem('TSB_DOCKERFILE_FLAG_INVALID', message, raw.places.word('--keep-git-dir'), 'keep one of them')
  }
  const keepGitDir = flags.keepGitDir ?? git.keepGitDir ?? false
  // `mtime` counts for contexts only, as in BuildKit.
  const known = {
    kind: 'git',
    remote,
    ref: ref === '' ? (checksum ?? '') : ref,
    subdir,
    keepGitDir,
    submodules,
    mtime: 'checkout',
  } as const
  return { ...known, ...(checksum === undefined ? {} : { checksum }) }
}

function placed<T>(step: () => T, span: () => Span): T {
  try {
    return step()
  } catch (error) {
    throw isTsbError(error) ? problem(error.code, error.message, span(), error.hint) : error
  }
}
