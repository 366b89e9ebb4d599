import { type FileHandle, open } from 'node:fs/promises'

/** Small enough to be passed on soon, large enough that a write's way through the thread pool costs nothing beside it. */
const PIECE_BYTES = 512 << 10

/**
 * Writes a stream to a new file, in large pieces, and tells after each how much is there. The stream is read on while a piece
 * is written.
 * @throws whatever the stream or the disk gives; the file stays then, as far as it came
 */
export async function appendAll(path: string, stream: AsyncIterable<Uint8Array>, onWritten: (bytes: number) => void): Promise<void> {
  await using handle = await open(path, 'wx', 0o644)
  let [waiting, waitingBytes, written]: [Uint8Array[], number, number] = [[], 0, 0]
  let writing: Promise<void> = Promise.resolve()
  const write = async (chunks: readonly Uint8Array[], bytes: number): Promise<void> => {
    await writeChunks(handle, chunks, bytes)
    written += bytes
    onWritten(written)
  }
  try {
    for await (const chunk of stream) {
      waiting.push(chunk)
      waitingBytes += chunk.byteLength
      if (waitingBytes < PIECE_BYTES) continue
      await writing
      writing = write(waiting, waitingBytes)
      // Its failure is met at the next await; until then it must not count as unhandled.
      writing.catch(() => undefined)
      ;[waiting, waitingBytes] = [[], 0]
    }
    await writing
    if (waitingBytes > 0) await write(waiting, waitingBytes)
  } finally {
    // The file is not closed, nor removed by the caller, under a write.
    await writing.catch(() => undefined)
  }
}

/** All chunks at the end of the file, however many calls the system needs. */
async function writeChunks(handle: FileHandle, chunks: readonly Uint8Array[], bytes: number): Promise<void> {
  const { bytesWritten } = await handle.writev(chunks as Uint8Array[])
  if (bytesWritten < bytes) await handle.writeFile(Buffer.concat(chunks).subarray(bytesWritten))
}
