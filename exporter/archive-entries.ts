import { constants } from 'node:fs'
import { copyFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Pack, pack } from 'tar-stream'
import type { Digest } from '../core/digest.ts'
import { interrupted, isTsbError, TsbError } from '../core/error.ts'
import { readBlob, verifyBlob } from '../store/blob-reader.ts'
import { makeDirectories } from '../store/directories.ts'

/** A file of an archive: its bytes, or the blob on disk that has them. */
export interface ArchiveEntry {
  /** Relative, with slashes. */
  readonly name: string
  readonly content: Uint8Array | { readonly path: string; readonly digest: Digest; readonly size: number }
}

/**
 * Writes files as one tar, in the order given, with their directories before them; same input, same bytes (owners 0,
 * times 0). Streams; `output` is not ended.
 * @throws TsbError `TSB_EXPORT_WRITE`, `TSB_BLOB_DIGEST` when a blob is damaged, `TSB_INTERRUPTED`
 */
export async function writeTar(entries: readonly ArchiveEntry[], output: Writable, signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw interrupted()
  const archive = pack()
  // heard through the promises below; an event without listener would end the process
  archive.on('error', () => undefined)
  try {
    const draining = pipeline(archive as unknown as Readable, output, { end: false, signal })
    // whichever fails first fails the other; one rejection must not go unheard while the other is waited for
    const [filled, drained] = await Promise.allSettled([fill(archive, entries, signal), draining])
    if (drained.status === 'rejected') throw drained.reason
    if (filled.status === 'rejected') throw filled.reason
  } catch (error) {
    throw exportError(error, signal)
  }
}

/**
 * Writes files into a directory, made when missing; each is whole or absent, and they appear in the order given.
 * @throws TsbError `TSB_EXPORT_WRITE`, `TSB_BLOB_DIGEST` when a blob is damaged, `TSB_INTERRUPTED`
 */
export async function writeFiles(entries: readonly ArchiveEntry[], directory: string, signal: AbortSignal): Promise<void> {
  try {
    for (const { name, content } of entries) {
      if (signal.aborted) throw interrupted()
      const target = join(directory, name)
      const partial = join(dirname(target), `.${process.pid}.partial`)
      makeDirectories(dirname(target))
      try {
        if (content instanceof Uint8Array) await writeFile(partial, content)
        else {
          await copyFile(content.path, partial, constants.COPYFILE_FICLONE)
          await verifyBlob(partial, content)
        }
        await rename(partial, target)
      } finally {
        await rm(partial, { force: true })
      }
    }
  } catch (error) {
    throw exportError(error, signal)
  }
}

/** A failed write to where the user wants a result, as an error of ours. */
export function exportError(cause: unknown, signal?: AbortSignal): TsbError {
  if (signal?.aborted === true) return interrupted()
  if (isTsbError(cause)) return cause
  if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOSPC' || cause.code === 'EDQUOT')) {
    const hint = 'free disk space, or name a destination on another disk'
    return new TsbError('TSB_DISK_FULL', 'no space left for the result', { fault: 'host', hint, cause })
  }
  return new TsbError('TSB_EXPORT_WRITE', `cannot write the result: ${cause instanceof Error ? cause.message : String(cause)}`, {
    fault: 'host',
    hint: 'check that the destination can be written and has space left',
    cause,
  })
}

async function fill(archive: Pack, entries: readonly ArchiveEntry[], signal: AbortSignal): Promise<void> {
  try {
    const made = new Set<string>()
    for (const entry of entries) {
      for (const parent of parentsOf(entry.name)) {
        if (!made.has(parent)) archive.entry({ name: parent, type: 'directory', mode: 0o755, mtime: new Date(0), size: 0 })
        made.add(parent)
      }
      await fillOne(archive, entry, signal)
    }
    archive.finalize()
  } catch (error) {
    archive.destroy(error instanceof Error ? error : new Error(String(error)))
    throw error
  }
}

async function fillOne(archive: Pack, { name, content }: ArchiveEntry, signal: AbortSignal): Promise<void> {
  const header = { name, mode: 0o644, mtime: new Date(0), type: 'file' } as const
  if (content instanceof Uint8Array) {
    await new Promise<void>((resolve, reject) => {
      archive.entry({ ...header, size: content.byteLength }, Buffer.from(content), (error) => (error == null ? resolve() : reject(error)))
    })
    return
  }
  const entry = archive.entry({ ...header, size: content.size })
  await pipeline(readBlob(content.path, content), entry, { signal })
}

function parentsOf(name: string): readonly string[] {
  const parts = name.split('/').slice(0, -1)
  return parts.map((_, index) => `${parts.slice(0, index + 1).join('/')}/`)
}
