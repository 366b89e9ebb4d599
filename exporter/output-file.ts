import { type FileHandle, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { makeDirectories } from '../store/directories.ts'
import { exportError } from './archive-entries.ts'

/**
 * Opens a file for a result and hands it to `write`. When writing fails, the file goes, unless it was something other
 * than a regular file (`/dev/null`, a pipe).
 * @throws TsbError `TSB_EXPORT_WRITE`, and whatever `write` throws
 */
export async function withOutputFile(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  let handle: FileHandle
  try {
    handle = await open(path, 'w', 0o644)
  } catch (error) {
    throw exportError(error)
  }
  try {
    const regular = (await handle.stat()).isFile()
    try {
      await write(handle)
    } catch (error) {
      if (regular) await rm(path, { force: true })
      throw error
    }
  } finally {
    await handle.close()
  }
}

/** Makes the directory that a result's file goes to. @throws TsbError `TSB_EXPORT_WRITE` */
export async function makeParent(path: string): Promise<void> {
  try {
    makeDirectories(dirname(path))
  } catch (error) {
    throw exportError(error)
  }
}
