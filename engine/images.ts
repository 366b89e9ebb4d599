import { familiarName, parseReference } from '../core/reference.ts'
import { configOf, type StoredImage } from '../store/images.ts'
import type { Session } from './session.ts'
import type { ImageSummary } from './types.ts'

/** The named images of the store, the newest first. */
export function listImages(session: Session): readonly ImageSummary[] {
  const { images } = session.store
  return images.list().map((image) => {
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
}

/** Bytes of file content in the layers that are unpacked. */
function sizeOf(session: Session, image: StoredImage): number {
  const layers = image.root?.layers ?? []
  return layers.reduce((sum, layer) => sum + (session.store.layers.get(layer)?.bytes ?? 0), 0)
}
