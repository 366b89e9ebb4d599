import type { Digest } from '../core/digest.ts'
import type { ImagePlan } from '../core/image-plan.ts'
import type { ImageConfig } from '../core/manifest.ts'
import { formatReference, parseReference } from '../core/reference.ts'
import { assembleConfig, encodeConfig } from '../exporter/assemble.ts'
import type { Snapshot } from '../snapshotter/snapshot.ts'
import type { Building } from './building.ts'
import { buildArgs } from './compile.ts'
import type { DiffIds } from './early-diff-ids.ts'
import type { Session } from './session.ts'

/** An image whose config is final; its layers are snapshots until somebody wants their blobs. */
export interface BuiltImage {
  readonly id: Digest
  readonly config: ImageConfig
  readonly configBytes: Uint8Array
  readonly snapshot: Snapshot
}

/**
 * Makes the image of a finished root. Its times are those of its layers (or SOURCE_DATE_EPOCH), so a build that finds
 * everything cached gives the same image ID again.
 */
export async function assembleImage(building: Building, plan: ImagePlan, snapshot: Snapshot, diffIds: DiffIds): Promise<BuiltImage> {
  const ids = await Promise.all(snapshot.layers.map((layer) => diffIds.of(layer)))
  const config = assembleConfig(plan, ids, layerTimes(building, plan, snapshot))
  const { bytes, descriptor } = encodeConfig(config)
  return { id: descriptor.digest, config, configBytes: bytes, snapshot }
}

/** Puts an image into the store under its names. Its layers must be durable by now. */
export function storeImage(session: Session, image: BuiltImage, names: readonly string[]): void {
  const { images } = session.store
  images.put({ id: image.id, configBytes: image.configBytes, root: image.snapshot, created: session.effects.now() })
  for (const name of names) images.name(formatReference(parseReference(name)), image.id)
}

/** RFC 3339 times of the layers that the build added, in order. */
function layerTimes(building: Building, plan: ImagePlan, snapshot: Snapshot): readonly string[] {
  const added = snapshot.layers.slice(plan.base?.rootfs.diff_ids.length ?? 0)
  const epoch = epochMilliseconds(buildArgs(building).get('SOURCE_DATE_EPOCH'))
  return added.map((layer) => new Date(epoch ?? building.session.store.layers.get(layer)?.created ?? 0).toISOString())
}

function epochMilliseconds(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) * 1000 : undefined
}
