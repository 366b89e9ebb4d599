import type { Digest } from '../core/digest.ts'
import type { VertexId } from '../core/graph.ts'
import type { BuildPlan, ImagePlan } from '../core/image-plan.ts'
import type { ImageConfig } from '../core/manifest.ts'
import { formatReference, parseReference } from '../core/reference.ts'
import { assembleConfig, encodeConfig, type LayerOrigin } from '../exporter/assemble.ts'
import type { Snapshot } from '../snapshotter/snapshot.ts'
import type { LayerId } from '../store/layers.ts'
import type { Building } from './building.ts'
import { buildArgs } from './compile.ts'
import { rootOf, type StepResult } from './drivers/result.ts'
import type { DiffIds } from './early-diff-ids.ts'
import type { Session } from './session.ts'

/** What the solver found or made, by vertex. */
export type Results = ReadonlyMap<VertexId, StepResult>

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
export async function assembleImage(building: Building, plan: BuildPlan, results: Results, diffIds: DiffIds): Promise<BuiltImage> {
  const output = results.get(plan.graph.output)
  const snapshot = rootOf(output === undefined ? [] : [output])
  const ids = await Promise.all(snapshot.layers.map((layer) => diffIds.of(layer)))
  const config = assembleConfig(plan.image, ids, layerOrigins(building, plan.image, snapshot, layerSteps(plan.graph, results)))
  const { bytes, descriptor } = encodeConfig(config)
  return { id: descriptor.digest, config, configBytes: bytes, snapshot }
}

/** Puts an image into the store under its names. Its layers must be durable by now. */
export function storeImage(session: Session, image: BuiltImage, names: readonly string[]): void {
  const { images } = session.store
  images.put({ id: image.id, configBytes: image.configBytes, root: image.snapshot, created: session.effects.now() })
  for (const name of names) images.name(formatReference(parseReference(name)), image.id)
}

/** The layers that the build added, in order. */
function layerOrigins(
  building: Building,
  plan: ImagePlan,
  snapshot: Snapshot,
  steps: ReadonlyMap<LayerId, string>,
): readonly LayerOrigin[] {
  const added = snapshot.layers.slice(plan.base?.rootfs.diff_ids.length ?? 0)
  const epoch = epochMilliseconds(buildArgs(building.options, building.session.env).get('SOURCE_DATE_EPOCH'))
  return added.map((layer) => {
    const created = new Date(epoch ?? building.session.store.layers.get(layer)?.created ?? 0).toISOString()
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

function epochMilliseconds(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) * 1000 : undefined
}
