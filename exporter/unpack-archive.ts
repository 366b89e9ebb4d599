import { posix } from 'node:path'
import { Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Extract, extract } from 'tar-stream'
import { type Digest, isDigest } from '../core/digest.ts'
import { isTsbError } from '../core/error.ts'
import { archiveDigestError, invalidArchive, pathError, readError } from './archive-errors.ts'
import { compressionOfBytes, MAGIC_BYTES, unpacker } from './layer-types.ts'

/** Where an archive's blobs go. Writing one that is there already is no error. */
export interface BlobSink {
  /** Takes a stream to its end; refuses one that does not have the digest `expected`. */
  writeBlob(expected: Digest | undefined, stream: AsyncIterable<Uint8Array>): Promise<{ readonly digest: Digest; readonly size: number }>
  /** Bytes of a blob that was written before. */
  readBlob(digest: Digest): Promise<Uint8Array>
}

/** A file of an archive that the sink has taken. */
export interface StoredFile {
  readonly digest: Digest
  readonly size: number
  /** Its first bytes. */
  readonly head: Uint8Array
}

/** An archive's table of contents, once all of it was read. Names are relative and clean. */
export interface UnpackedArchive {
  /** Files that describe: JSON at the top. */
  readonly documents: ReadonlyMap<string, Uint8Array>
  /** Files that are content. */
  readonly files: ReadonlyMap<string, StoredFile>
  /** Links (docker's archives of old point from one layer to another), from name to name. */
  readonly links: ReadonlyMap<string, string>
}

const DOCUMENT_BYTES = 8 << 20
const ALL_DOCUMENTS_BYTES = 64 << 20
const BLOB = /^blobs\/(sha256)\/([0-9a-f]{64})$/
const DOCUMENT = /^(?:oci-layout|[^/]+\.json)$/
// what docker put beside each layer until version 25, and nobody reads
const CHAFF = /(?:^|\/)(?:VERSION|json|repositories)$/

/**
 * Reads a tar (plain, gzip, or zstd where Node can) once, front to back: content goes to the sink as it comes,
 * documents are kept. Nothing is written under a name of the archive's choosing.
 * @throws TsbError `TSB_ARCHIVE_INVALID`, `TSB_ARCHIVE_PATH`, `TSB_ARCHIVE_DIGEST`, `TSB_ARCHIVE_COMPRESSION`,
 * `TSB_ARCHIVE_READ`, `TSB_INTERRUPTED`
 */
export async function unpackArchive(source: AsyncIterable<Uint8Array>, sink: BlobSink, signal: AbortSignal): Promise<UnpackedArchive> {
  const contents = { documents: new Map<string, Uint8Array>(), files: new Map<string, StoredFile>(), links: new Map<string, string>() }
  const entries = extract()
  let feeding: Promise<void> | undefined
  try {
    const { head, stream } = await peek(source)
    const unpack = unpacker(compressionOfBytes(head))
    const stages: Transform[] = unpack === undefined ? [] : [unpack]
    feeding = pipeline([Readable.from(stream), ...stages, entries], { signal })
    // heard below; until then a failure must not count as unhandled
    feeding.catch(() => undefined)
    for await (const entry of entries) await takeEntry(entry, contents, sink)
    await feeding
    return contents
  } catch (error) {
    entries.destroy()
    const fed = await feeding?.then(
      () => undefined,
      (reason: unknown) => reason,
    )
    // when the source failed, what the tar reader says is only the consequence
    throw readError(isTsbError(error) ? error : (rootCause(fed) ?? error), signal)
  }
}

/** A clean relative name for a foreign one. @throws TsbError `TSB_ARCHIVE_PATH` */
export function cleanName(name: string): string {
  if (name.startsWith('/') || name.includes('\0') || name.split('/').includes('..')) throw pathError(name)
  return posix.normalize(name).replace(/\/$/, '')
}

type Entry = Extract extends AsyncIterable<infer E> ? E : never

interface Contents {
  readonly documents: Map<string, Uint8Array>
  readonly files: Map<string, StoredFile>
  readonly links: Map<string, string>
}

async function takeEntry(entry: Entry, contents: Contents, sink: BlobSink): Promise<void> {
  const name = cleanName(entry.header.name)
  const { type, linkname } = entry.header
  if (type === 'symlink' || type === 'link') {
    contents.links.set(name, linkTarget(name, linkname ?? '', type === 'symlink'))
  } else if ((type === 'file' || type === 'contiguous-file') && !CHAFF.test(name)) {
    if (DOCUMENT.test(name)) await takeDocument(name, entry, contents.documents)
    else contents.files.set(name, await takeFile(name, entry, sink))
    return
  }
  entry.resume()
}

async function takeDocument(name: string, entry: Entry, documents: Map<string, Uint8Array>): Promise<void> {
  // two of one name: which counts would depend on the reader
  if (documents.has(name)) throw invalidArchive(`\`${name}\` is in it twice`)
  const others = [...documents.values()].reduce((sum, { byteLength }) => sum + byteLength, 0)
  const size = entry.header.size ?? 0
  if (size > DOCUMENT_BYTES || others + size > ALL_DOCUMENTS_BYTES) throw invalidArchive(`\`${name}\` is too large`)
  const chunks: Uint8Array[] = []
  for await (const chunk of entry as AsyncIterable<Uint8Array>) chunks.push(chunk)
  documents.set(name, Buffer.concat(chunks))
}

async function takeFile(name: string, entry: Entry, sink: BlobSink): Promise<StoredFile> {
  const [, algorithm, hex] = BLOB.exec(name) ?? []
  const digest = `${algorithm}:${hex}`
  const { head, stream } = await peek(entry as AsyncIterable<Uint8Array>)
  return { ...(await writeChecked(name, isDigest(digest) ? digest : undefined, stream, sink)), head }
}

/** Hands a stream to the sink. @throws TsbError `TSB_ARCHIVE_DIGEST` when it is not what its name says */
export async function writeChecked(
  name: string,
  expected: Digest | undefined,
  stream: AsyncIterable<Uint8Array>,
  sink: BlobSink,
): Promise<{ digest: Digest; size: number }> {
  try {
    const written = await sink.writeBlob(expected, stream)
    if (expected !== undefined && written.digest !== expected) throw archiveDigestError(name, expected, written.digest)
    return written
  } catch (error) {
    if (isTsbError(error) && error.code === 'TSB_BLOB_DIGEST') throw archiveDigestError(name, expected ?? '')
    throw error
  }
}

function linkTarget(name: string, target: string, symbolic: boolean): string {
  if (target.startsWith('/')) throw pathError(target)
  const joined = posix.normalize(symbolic ? posix.join(posix.dirname(name), target) : target)
  if (joined === '..' || joined.startsWith('../')) throw pathError(target)
  return joined
}

/** The first bytes of a stream, and the stream with them. */
export async function peek(source: AsyncIterable<Uint8Array>): Promise<{ head: Uint8Array; stream: AsyncIterable<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]()
  const held: Uint8Array[] = []
  let length = 0
  let done = false
  while (length < MAGIC_BYTES && !done) {
    const next = await iterator.next()
    if (next.done === true) done = true
    else {
      held.push(next.value)
      length += next.value.byteLength
    }
  }
  const stream = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* held
      while (!done) {
        const next = await iterator.next()
        if (next.done === true) done = true
        else yield next.value
      }
    } finally {
      if (!done) await iterator.return?.()
    }
  }
  return { head: Buffer.concat(held).subarray(0, MAGIC_BYTES), stream: stream() }
}

function rootCause(error: unknown): unknown {
  const premature = error instanceof Error && 'code' in error && (error.code === 'ERR_STREAM_PREMATURE_CLOSE' || error.code === 'ABORT_ERR')
  return premature ? undefined : error
}
