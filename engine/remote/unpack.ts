import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Arrival } from '../../native/types.ts'
import type { Workspace } from '../../snapshotter/workspace.ts'
import { openWorkspace } from '../../snapshotter/workspace.ts'
import { commitRoot } from './commit.ts'
import type { KeptTree } from './keep.ts'
import type { RemoteWork } from './types.ts'

/**
 * Unpacks a tar (plain, gzip, bzip2, xz or zstd) into a root of its own, straight into the store. Nothing in it leads out.
 * @throws TsbError `TSB_COPY_ARCHIVE` for one that is damaged, hostile, or no tar; nothing of it remains
 */
export async function unpackFile(work: RemoteWork, file: string): Promise<KeptTree> {
  await using workspace = await openWorkspace(work.snapshotter)
  return await unpackInto(work, workspace, file)
}

/** As `unpackFile`, for an archive that still comes in: unpacking does not wait for its end. Reads the stream to its end. */
export async function unpackStream(work: RemoteWork, stream: AsyncIterable<Uint8Array>): Promise<KeptTree> {
  await using workspace = await openWorkspace(work.snapshotter)
  const file = join(workspace.work, 'archive')
  await using handle = await open(file, 'wx', 0o600)
  const arrival = work.snapshotter.native.arrival(file)
  const stop = new AbortController()
  const receiving = receive(stream, handle, arrival, stop.signal, (bytes) => work.progress('archive', bytes))
  const unpacking = unpackInto(work, workspace, file, arrival)
  try {
    // Of an archive that is no good the rest need not come. A stream that breaks off fails first, and then the unpacking by it.
    const [, tree] = await Promise.all([receiving, unpacking])
    return tree
  } finally {
    stop.abort()
    await unpacking.catch(() => undefined)
  }
}

async function receive(
  stream: AsyncIterable<Uint8Array>,
  handle: Awaited<ReturnType<typeof open>>,
  arrival: Arrival,
  stop: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<void> {
  try {
    let bytes = 0
    for await (const chunk of stream) {
      if (stop.aborted) return
      await handle.writeFile(chunk)
      bytes += chunk.byteLength
      arrival.reached(bytes)
      onBytes(bytes)
    }
    arrival.end()
  } catch (error) {
    arrival.fail()
    throw error
  }
}

async function unpackInto(work: RemoteWork, workspace: Workspace, file: string, arrival?: Arrival): Promise<KeptTree> {
  const { native } = work.snapshotter
  const delta = join(workspace.work, 'delta')
  const arriving = arrival === undefined ? {} : { arrival }
  const applied = await native.applyLayer({ blob: file, destination: workspace.upper, delta, ...arriving }, work.signal)
  const snapshot = await commitRoot(work, workspace, { delta, implicit: applied.implicit })
  return { snapshot, ...(applied.newest === null ? {} : { time: applied.newest }) }
}
