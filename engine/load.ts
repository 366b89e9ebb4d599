import type { Digest } from '../core/digest.ts'
import { formatReference, parseReference } from '../core/reference.ts'
import { readArchive } from '../exporter/read-archive.ts'
import { publishRoot } from './image-root.ts'
import type { Session } from './session.ts'
import type { LoadedImage } from './types.ts'

/**
 * Takes the images out of an archive or an OCI layout folder, verifying every blob.
 * @throws TsbError `TSB_ARCHIVE_*`, `TSB_LAYER_*`
 */
export async function load(session: Session, file: string, signal: AbortSignal): Promise<readonly LoadedImage[]> {
  const { store, effects } = session
  await store.prepare()
  const found = await readArchive(file, store.blobs, signal)
  const loaded: LoadedImage[] = []
  for (const image of found) {
    const id: Digest = image.manifest.config.digest
    store.images.put({ id, configBytes: image.configBytes, manifestBytes: image.manifestBytes, created: effects.now() })
    await publishRoot(session, id, signal)
    const names = image.names.map((name) => formatReference(parseReference(name)))
    for (const name of names) store.images.name(name, id)
    loaded.push({ id, names })
  }
  store.writeIndex()
  return loaded
}
