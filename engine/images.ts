import { familiarName, parseReference } from '../core/reference.ts'
import { configOf, type StoredImage } from '../store/images.ts'
import type { Session } from './session.ts'
import type { ImageSummary } from './types.ts'

/** The named images of the store, by the time each says it was made: the newest first, as docker lists them. */
export function listImages(session: Session): readonly ImageSummary[] {
  const { images } = session.store
  const summaries = images.list().map((image): ImageSummary => {
    const config = configOf(image)
    const created = config.created === undefined ? Number.NaN : Date.parse(config.created)
    return {
      id: image.id,
      names: images.namesOf(image.id).map((name) => familiarName(parseReference(name))),
      size: sizeOf(session, image),
      config,
      ...(Number.isNaN(created) ? {} : { created }),
    }
  })
  return summaries.sort((a, b) => (b.created ?? 0) - (a.created ?? 0))
}

/** Bytes of file content in the layers that are unpacked. */
function sizeOf(session: Session, image: StoredImage): number {
  const layers = image.root?.layers ?? []
  return layers.reduce((sum, layer) => sum + (session.store.layers.get(layer)?.bytes ?? 0), 0)
}
