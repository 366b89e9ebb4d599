import type { Digest } from '../core/digest.ts'
import type { VertexId } from '../core/graph.ts'
import type { BuildPlan, ImagePlan } from '../core/image-plan.ts'
import type { ImageConfig } from '../core/manifest.ts'
import { packingOf } from '../core/packing.ts'
import { formatReference, parseReference } from '../core/reference.ts'
import { assembleConfig, assembleManifest, encodeConfig, type LayerOrigin, rfc3339 } from '../exporter/assemble.ts'
import { USUAL_LAYERS } from '../exporter/layer-options.ts'
import type { LayerOptions } from '../exporter/types.ts'
import type { Snapshot } from '../snapshotter/snapshot.ts'
import type { StoredImage } from '../store/images.ts'
import type { LayerId } from '../store/layers.ts'
import { documentImage } from './bases/unread.ts'
import type { Building } from './building.ts'
import type { StepResult } from './drivers/result.ts'
import type { DiffIds } from './early-diff-ids.ts'
import { type ImageOutput, imageTimes } from './outputs/times.ts'
import { packedLayer } from './packed-layer.ts'
import type { Session } from './session.ts'

/** What the solver found or made, by vertex. */
export type Results = ReadonlyMap<VertexId, StepResult>

/** An image whose config is final. */
export interface BuiltImage {
  readonly id: Digest
  readonly config: ImageConfig
  readonly configBytes: Uint8Array
  /**
   * Its layers are snapshots until somebody wants their blobs; or blobs already, whose files have other times than the snapshots'; or
   * those of a base that nobody has read, which are fetched when somebody wants them.
   */
  readonly content:
    | { readonly kind: 'snapshot'; readonly snapshot: Snapshot }
    | { readonly kind: 'blobs'; readonly manifestBytes: Uint8Array }
    | { readonly kind: 'documents'; readonly manifestBytes: Uint8Array; readonly reference?: string }
}

/** What images are made of: a build that has run. */
export interface BuiltRoot {
  readonly plan: BuildPlan
  readonly results: Results
  readonly diffIds: DiffIds
  /** Or the base that stays unread. */
  readonly root: Snapshot | StoredImage
}

/** Whether a build's root is on the disk. */
export function isSnapshot(root: BuiltRoot['root']): root is Snapshot {
  return 'layers' in root
}

/**
 * Makes the image of a finished root, as an output wants its times. They are those of its layers (or the plan's epoch), so a build
 * that finds everything cached gives the same image ID again.
 */
export async function assembleImage(building: Building, built: BuiltRoot, output: ImageOutput | undefined): Promise<BuiltImage> {
  const { plan, results, diffIds, root } = built
  const { latest, rewrite } = imageTimes(plan.image, output)
  if (!isSnapshot(root)) return documentImage(plan, root, latest)
  const snapshot = root
  const origins = layerOrigins(building, plan.image, snapshot, layerSteps(plan.graph, results))
  if (rewrite !== undefined) return datedImage(building, built, snapshot, origins, output?.layers ?? USUAL_LAYERS, rewrite)
  const ids = await Promise.all(snapshot.layers.map((layer) => diffIds.of(layer)))
  const config = assembleConfig(plan.image, ids, origins, latest)
  const { bytes, descriptor } = encodeConfig(config, building.session.native.sha256)
  return { id: descriptor.digest, config, configBytes: bytes, content: { kind: 'snapshot', snapshot } }
}

/** The layers that the build added have no file after `latest`; those of the base stay as they are. */
async function datedImage(
  { session, signal }: Building,
  { plan, diffIds }: BuiltRoot,
  snapshot: Snapshot,
  origins: readonly LayerOrigin[],
  options: LayerOptions,
  latest: number,
): Promise<BuiltImage> {
  const { store } = session
  await store.prepare()
  const ofBase = plan.image.base?.rootfs.diff_ids ?? []
  const packing = packingOf(options.compression, options.level)
  const layers = await Promise.all(
    snapshot.layers.map(async (layer, index) => {
      const diffId = ofBase[index]
      if (diffId === undefined) return diffIds.dated(layer, packing, latest)
      return { diffId, blob: await packedLayer(session, layer, options, signal) }
    }),
  )
  const config = assembleConfig(
    plan.image,
    layers.map(({ diffId }) => diffId),
    origins,
    latest,
  )
  const { bytes, descriptor } = encodeConfig(config, session.native.sha256)
  const blobs = layers.map(({ blob }) => blob)
  const { bytes: manifestBytes } = assembleManifest(descriptor, blobs, options.family)
  await store.blobs.write([bytes], descriptor.digest)
  await store.blobs.write([manifestBytes])
  return { id: descriptor.digest, config, configBytes: bytes, content: { kind: 'blobs', manifestBytes } }
}

/** Puts an image into the store under its names. Its layers must be durable by now. */
export function storeImage(session: Session, image: BuiltImage, names: readonly string[]): void {
  const { images } = session.store
  const { content } = image
  const known = knownOf(session, image)
  const canonical = names.map((name) => formatReference(parseReference(name)))
  images.put({ id: image.id, configBytes: image.configBytes, ...known, created: session.effects.now() }, canonical)
  if (content.kind === 'blobs') session.store.writeIndex()
}

function knownOf({ store }: Session, { id, content }: BuiltImage): Pick<StoredImage, 'root' | 'manifestBytes' | 'reference'> {
  switch (content.kind) {
    case 'snapshot':
      return { root: content.snapshot }
    case 'blobs':
      return { manifestBytes: content.manifestBytes }
    case 'documents': {
      const { manifestBytes, reference } = content
      // A build that changed nothing made the base itself, which keeps its own, to the byte.
      if (store.images.get(id)?.manifestBytes !== undefined) return {}
      return { manifestBytes, ...(reference === undefined ? {} : { reference }) }
    }
  }
}

/** The layers that the build added, in order. */
function layerOrigins(
  building: Building,
  plan: ImagePlan,
  snapshot: Snapshot,
  steps: ReadonlyMap<LayerId, string>,
): readonly LayerOrigin[] {
  const added = snapshot.layers.slice(plan.base?.rootfs.diff_ids.length ?? 0)
  return added.map((layer) => {
    const created = rfc3339(building.session.store.layers.get(layer)?.created ?? 0)
    const step = steps.get(layer)
    return { created, ...(step === undefined ? {} : { step }) }
  })
}

/** Names of the steps by the layer that each put on top. */
function layerSteps({ vertices }: BuildPlan['graph'], results: Results): ReadonlyMap<LayerId, string> {
  const steps = new Map<LayerId, string>()
  for (const { id, name } of vertices) {
    const result = results.get(id)
    const top = result?.kind === 'root' ? result.snapshot.layers.at(-1) : undefined
    if (top !== undefined && !steps.has(top)) steps.set(top, name)
  }
  return steps
}
