import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { type FileHandle, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Digest, hexOf } from '../core/digest.ts'
import type { Effects } from '../core/effects.ts'
import { TsbError } from '../core/error.ts'
import { hashBlob, readBlob } from './blob-reader.ts'
import { appendAll } from './blob-writer.ts'
import { makeDirectories } from './directories.ts'
import { blobPath, type Layout } from './layout.ts'
import type { Leases } from './leases.ts'
import type { Pins } from './pins.ts'
import type { Unsynced } from './unsynced.ts'

/** What was written. */
export interface WrittenBlob {
  readonly digest: Digest
  readonly size: number
}

/**
 * The blobs of an OCI image layout (image-layout.md "Blobs"). A blob is absent or whole: it is written to a file of
 * this process's lease, and only then renamed to its digest. Writing what is there already is no error.
 */
export class Blobs {
  readonly #layout: Layout
  readonly #leases: Leases
  readonly #unsynced: Unsynced
  readonly #pins: Pins
  readonly #effects: Effects
  /** Hashed by this process when it wrote them. */
  readonly #verified = new Set<Digest>()

  constructor(layout: Layout, leases: Leases, unsynced: Unsynced, pins: Pins, effects: Effects) {
    this.#layout = layout
    this.#leases = leases
    this.#unsynced = unsynced
    this.#pins = pins
    this.#effects = effects
  }

  /** The blob's file, whether it exists or not. */
  path(digest: Digest): string {
    return blobPath(this.#layout, digest)
  }

  has(digest: Digest): boolean {
    return existsSync(this.path(digest))
  }

  /** Removes a blob whose bytes are not what its name says. @returns whether it was removed */
  async removeDamaged(digest: Digest): Promise<boolean> {
    if (!this.has(digest)) return false
    if ((await hashBlob(this.path(digest))) === hexOf(digest)) return false
    await rm(this.path(digest), { force: true })
    this.#verified.delete(digest)
    return true
  }

  /** Bytes of a small blob (a manifest, a config). @throws TsbError `TSB_BLOB_MISSING` */
  async read(digest: Digest): Promise<Uint8Array> {
    if (!this.has(digest)) throw missing(digest)
    return readFile(this.path(digest))
  }

  async size(digest: Digest): Promise<number> {
    return (await stat(this.path(digest))).size
  }

  /** Whether this process has hashed the blob, when it wrote it: it needs no second look before it is sent. */
  isVerified(digest: Digest): boolean {
    return this.#verified.has(digest) && this.has(digest)
  }

  /** A large blob's bytes, in order, verified while read. @throws TsbError `TSB_BLOB_DIGEST` at the end */
  open(blob: WrittenBlob): AsyncIterable<Uint8Array> {
    return readBlob(this.path(blob.digest), blob, this.isVerified(blob.digest))
  }

  /**
   * Stores a stream. With `expected`, a stream of other content is refused and leaves nothing.
   * @throws TsbError `TSB_BLOB_DIGEST`, and whatever the stream throws
   */
  async write(stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, expected?: Digest): Promise<WrittenBlob> {
    const temporary = this.temporaryPath()
    try {
      const written = await writeFile(temporary, stream)
      if (expected !== undefined && written.digest !== expected) {
        throw new TsbError('TSB_BLOB_DIGEST', `blob has digest \`${written.digest}\` where \`${expected}\` was expected`, {
          fault: 'input',
          hint: 'the source is damaged: fetch or export it again',
        })
      }
      await this.adopt(temporary, written.digest)
      return written
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
  }

  /**
   * Stores a stream that its source verifies against `digest` while it is read. `onWritten` is told after every piece in which
   * file so many bytes can be read, until the blob has its name.
   * @throws whatever the stream throws; then nothing stays
   */
  async receive(stream: AsyncIterable<Uint8Array>, digest: Digest, onWritten: (file: string, bytes: number) => void): Promise<void> {
    const temporary = this.temporaryPath()
    try {
      await appendAll(temporary, stream, (bytes) => onWritten(temporary, bytes))
      await this.adopt(temporary, digest)
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
  }

  /** A fresh path for a file that will become a blob. */
  temporaryPath(): string {
    return join(this.#leases.own().directory, `blob-${this.#effects.randomId()}`)
  }

  /** Takes a finished file in, whose digest the caller has computed while writing it. It is pinned: nothing else names it yet. */
  async adopt(file: string, digest: Digest): Promise<void> {
    this.#pins.add('blob', digest)
    this.#unsynced.note('blob', digest)
    const target = this.path(digest)
    makeDirectories(dirname(target))
    await rename(file, target)
    this.#verified.add(digest)
  }
}

async function writeFile(path: string, stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<WrittenBlob> {
  await using handle: FileHandle = await open(path, 'wx', 0o644)
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of stream) {
    hash.update(chunk)
    size += chunk.byteLength
    await handle.writeFile(chunk)
  }
  return { digest: `sha256:${hash.digest('hex')}`, size }
}

function missing(digest: Digest): TsbError {
  return new TsbError('TSB_BLOB_MISSING', `the store has no blob \`${hexOf(digest).slice(0, 12)}\``, {
    fault: 'host',
    hint: 'pull, load or build the image again',
  })
}
