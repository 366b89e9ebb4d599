import { createHash } from 'node:crypto'
import { chmodSync, renameSync, utimesSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Canonical } from '../../core/canonical.ts'
import { blake3Digest, type Digest } from '../../core/digest.ts'
import { interrupted, TsbError, toTsbError } from '../../core/error.ts'
import { redactUrl } from '../../core/url.ts'
import { openWorkspace, type Workspace } from '../../snapshotter/workspace.ts'
import { commitRoot } from './commit.ts'
import { type FetchedTree, findNote, findTree, type KeptTree, keepNote, keepTree } from './keep.ts'
import { type Answer, request, unreachable, type Validators } from './request.ts'
import type { RemoteWork } from './types.ts'

/** A file of the web, and what is to become of it. */
export interface HttpSource {
  readonly url: string
  /** SHA-256 that the content must have; then an earlier download of it is as good as a new one. */
  readonly checksum?: Digest
  /** Tells what `make` does from what others do: the same content may be wanted in several forms. */
  readonly form: Canonical
  /** Turns a finished download into a tree. */
  readonly make: (work: RemoteWork, download: Download) => Promise<KeptTree>
}

/** A whole download in a workspace of its own, which may take it. */
export interface Download {
  readonly workspace: Workspace
  readonly file: string
  /** Seconds since 1970 of `Last-Modified`. */
  readonly modified?: number
}

/** What later builds want to know of a URL. */
interface Note extends Validators {
  readonly content: Digest
}

/**
 * The tree made of what a URL has now. What was downloaded before is asked for by its entity tag, in one request; content that is
 * known already, by its digest and its time, is not made into a tree again.
 * @throws TsbError `TSB_HTTP_STATUS`, `TSB_HTTP_UNREACHABLE`, `TSB_HTTP_URL`, `TSB_HTTP_CHECKSUM`; nothing of a download remains then
 */
export async function fetchHttp(work: RemoteWork, source: HttpSource): Promise<FetchedTree> {
  const { url, checksum, form } = source
  const factsOf = (content: Digest, lastModified: string | undefined): Canonical => ({
    kind: 'http',
    form,
    content,
    // With a checksum the content is all that counts, whoever has it at whatever time.
    modified: checksum === undefined ? (lastModified ?? null) : null,
  })
  if (checksum !== undefined) {
    const tree = await findTree(work, factsOf(checksum, undefined))
    if (tree !== undefined) return tree
  }
  // By digest: credentials may stand in the URL.
  const noteFacts: Canonical = { kind: 'http-note', url: blake3Digest(url) }
  // What is known is not what the checksum asks for: so only the server's bytes can be.
  const text = checksum === undefined ? findNote(work, noteFacts) : undefined
  const note = text === undefined ? undefined : (JSON.parse(text) as Note)
  const known = note === undefined ? undefined : await findTree(work, factsOf(note.content, note.lastModified))
  const answer = await request(work, url, known === undefined ? undefined : note)
  if (answer.kind === 'unchanged' && known !== undefined) return known
  if (answer.kind === 'unchanged') throw unreachable(url, new Error('the server says that nothing has changed, and was not asked'))
  await using workspace = await openWorkspace(work.snapshotter)
  const file = join(workspace.work, 'download')
  const content = await receive(work, url, answer, file)
  if (checksum !== undefined && content !== checksum) throw wrongChecksum(url, checksum, content)
  const { lastModified } = answer.validators
  const modified = secondsOf(lastModified)
  const download: Download = { workspace, file, ...(modified === undefined ? {} : { modified }) }
  const tree = await keepTree(work, factsOf(content, lastModified), () => source.make(work, download))
  if (answer.validators.etag !== undefined) {
    const found: Note = { content, ...answer.validators }
    keepNote(work, noteFacts, JSON.stringify(found))
  }
  return tree
}

/** A download as a root that holds one file, as ADD wants it: for its owner only, and as old as the server says. */
export function fileForm(name: string): Pick<HttpSource, 'form' | 'make'> {
  return {
    form: { kind: 'file', name },
    make: async (work, { workspace, file, modified }) => {
      chmodSync(file, 0o600)
      utimesSync(file, modified ?? 0, modified ?? 0)
      renameSync(file, join(workspace.upper, name))
      return { snapshot: await commitRoot(work, workspace), ...(modified === undefined ? {} : { time: modified }) }
    },
  }
}

async function receive(work: RemoteWork, url: string, answer: Extract<Answer, { kind: 'content' }>, file: string): Promise<Digest> {
  const { body, length } = answer
  const hash = createHash('sha256')
  let bytes = 0
  await using handle = await open(file, 'wx', 0o600)
  const chunks = body[Symbol.asyncIterator]()
  for (;;) {
    const next = await chunks.next().catch((error: unknown) => {
      if (work.signal.aborted) throw interrupted()
      throw unreachable(url, error, ` after ${bytes} bytes`)
    })
    if (next.done === true) break
    hash.update(next.value)
    await handle.writeFile(next.value).catch((error: unknown) => {
      throw toTsbError(error)
    })
    bytes += next.value.byteLength
    work.progress(redactUrl(url), bytes, length)
  }
  if (length !== undefined && bytes !== length) throw unreachable(url, new Error(`${bytes} of ${length} bytes came`))
  return `sha256:${hash.digest('hex')}`
}

function wrongChecksum(url: string, expected: Digest, found: Digest): TsbError {
  return new TsbError(
    'TSB_HTTP_CHECKSUM',
    `\`${redactUrl(url)}\` is not what its checksum says: expected \`${expected}\`, found \`${found}\``,
    {
      fault: 'input',
      hint: 'find out whether the file was changed on purpose before you change the checksum',
    },
  )
}

function secondsOf(lastModified: string | undefined): number | undefined {
  const time = lastModified === undefined ? Number.NaN : Date.parse(lastModified)
  return Number.isNaN(time) ? undefined : Math.floor(time / 1000)
}
