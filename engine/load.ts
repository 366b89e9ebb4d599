import { setMaxListeners } from 'node:events'
import { statSync } from 'node:fs'
import type { Digest } from '../core/digest.ts'
import { hostPlatform } from '../core/platform.ts'
import { familiarName, parseReference } from '../core/reference.ts'
import { inArchive } from '../exporter/archive-errors.ts'
import { readArchive, readLayoutDirectory } from '../exporter/read-archive.ts'
import type { BlobSink } from '../exporter/unpack-archive.ts'
import { withinLimit } from './disk/limit.ts'
import { publishRoot } from './image-root.ts'
import { openInput } from './import.ts'
import type { Session } from './session.ts'
import type { LoadedImage } from './types.ts'

/**
 * Takes the images out of an archive or an OCI layout folder, verifying every blob.
 * @throws TsbError `TSB_ARCHIVE_*`, `TSB_LAYER_*`
 */
export async function load(session: Session, file: string, signal: AbortSignal): Promise<readonly LoadedImage[]> {
  try {
    return await withinLimit(session, {}, signal, async (limited) => {
      await session.disk.room({}, limited)
      return takeImages(session, file, limited)
    })
  } catch (error) {
    throw inArchive(error, file, 'make or copy the archive again')
  }
}

async function takeImages(session: Session, file: string, signal: AbortSignal): Promise<readonly LoadedImage[]> {
  const { store, effects } = session
  await store.prepare()
  setMaxListeners(0, signal)
  const sink: BlobSink = {
    writeBlob: (expected, stream) => store.blobs.write(stream, expected),
    readBlob: (digest) => store.blobs.read(digest),
  }
  const isDirectory = file !== '-' && statSync(file, { throwIfNoEntry: false })?.isDirectory() === true
  const found = isDirectory
    ? await readLayoutDirectory(file, sink, hostPlatform(), signal)
    : await readArchive(openInput(file, signal), sink, hostPlatform(), signal)
  const loaded: LoadedImage[] = []
  for (const image of found) {
    const id: Digest = image.manifest.config.digest
    const stored = { id, configBytes: image.configBytes, manifestBytes: image.manifestBytes, created: effects.now() }
    store.images.put(stored)
    await publishRoot(session, id, signal)
    store.images.put(stored, image.names)
    loaded.push({ id, names: image.names.map((name) => familiarName(parseReference(name))) })
  }
  store.writeIndex()
  return loaded
}
