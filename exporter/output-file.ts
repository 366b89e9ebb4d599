import { type FileHandle, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
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

/** The same for what writes to a stream. @throws TsbError `TSB_EXPORT_WRITE`, and whatever `write` throws */
export async function withOutputStream(path: string, write: (stream: Writable) => Promise<void>): Promise<void> {
  await withOutputFile(path, async (file) => {
    const stream = streamInto(file)
    await write(stream)
    stream.end()
    await finished(stream).catch((error: unknown) => {
      throw exportError(error)
    })
  })
}

/** Makes the directory that a result's file goes to. @throws TsbError `TSB_EXPORT_WRITE` */
export async function makeParent(path: string): Promise<void> {
  try {
    makeDirectories(dirname(path))
  } catch (error) {
    throw exportError(error)
  }
}

/** Not `createWriteStream`: that one closes the file when it is destroyed, and it is not the stream's to close. */
function streamInto(file: FileHandle): Writable {
  const stream = new Writable({
    highWaterMark: 1 << 20,
    write(chunk: Uint8Array, _encoding, done) {
      file.writeFile(chunk).then(() => done(), done)
    },
  })
  // heard by whoever writes; an event without listener would end the process
  stream.on('error', () => undefined)
  return stream
}
