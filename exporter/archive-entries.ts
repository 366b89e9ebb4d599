import { constants } from 'node:fs'
import { copyFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { getSystemErrorMap } from 'node:util'
import type { Digest } from '../core/digest.ts'
import { interrupted, isTsbError, TsbError } from '../core/error.ts'
import type { Native, OutputFile } from '../native/types.ts'
import { verifyBlob } from '../store/blob-reader.ts'
import { makeDirectories } from '../store/directories.ts'

/** A file of an archive: its bytes, or the blob on disk that has them. */
export interface ArchiveEntry {
  /** Relative, with slashes. */
  readonly name: string
  readonly content: Uint8Array | BlobFile
}

/** A blob's file. `verified`: this process has hashed it when it wrote it. */
export interface BlobFile {
  readonly path: string
  readonly digest: Digest
  readonly size: number
  readonly verified: boolean
}

/** What writes archives. */
export type ArchiveWriter = Pick<Native, 'writeBundle'>

/**
 * Writes files as one tar, in the order given, with their directories before them; same input, same bytes (owners 0,
 * times 0).
 * @throws TsbError `TSB_EXPORT_WRITE`, `TSB_DISK_FULL`, `TSB_BLOB_DIGEST` when a blob is damaged, `TSB_INTERRUPTED`
 */
export async function writeTar(
  { writeBundle }: ArchiveWriter,
  entries: readonly ArchiveEntry[],
  output: OutputFile,
  signal: AbortSignal,
): Promise<void> {
  const files = entries.map(({ name, content }) =>
    content instanceof Uint8Array ? { name, hex: Buffer.from(content).toString('hex') } : { name, ...content },
  )
  await writeBundle({ files, output }, signal)
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
          if (!content.verified) await verifyBlob(partial, content)
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
  const { code, errno, path } = cause instanceof Error ? (cause as NodeJS.ErrnoException) : {}
  const words = errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1]
  const why = words ?? (cause instanceof Error ? cause.message : String(cause))
  return new TsbError('TSB_EXPORT_WRITE', `cannot write ${path === undefined ? 'the result' : `\`${path}\``}: ${why}`, {
    fault: 'host',
    hint: WRITE_HINTS[code ?? ''] ?? 'check that the destination can be written and has space left',
    cause,
  })
}

const BELOW_FILE = 'name a destination whose parents are directories'
const WRITE_HINTS: Readonly<Record<string, string>> = { EISDIR: 'name a file in it', EEXIST: BELOW_FILE, ENOTDIR: BELOW_FILE }
