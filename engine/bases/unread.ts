import { type Digest, sha256Digest } from '../../core/digest.ts'
import type { BuildPlan } from '../../core/image-plan.ts'
import { assembleConfig, assembleManifest, encodeConfig } from '../../exporter/assemble.ts'
import { USUAL_LAYERS } from '../../exporter/layer-options.ts'
import { layersUsable } from '../../snapshotter/snapshot.ts'
import { manifestOf, type StoredImage } from '../../store/images.ts'
import type { BuiltImage } from '../assemble.ts'
import { canFetch, plainDescriptor } from '../image-root.ts'
import { imageTimes, isImageOutput } from '../outputs/times.ts'
import type { Session } from '../session.ts'
import type { BuildOptions } from '../types.ts'

/**
 * The base of an image to which the build adds nothing but its config, where no output reads its files: its layers stay where they are.
 * Absent when they have been unpacked already, or can only be had from what is there.
 */
export function unreadBase(session: Session, { graph, image }: BuildPlan, { outputs }: BuildOptions): StoredImage | undefined {
  const op = graph.vertices[graph.output]?.op
  const isRead = outputs.some((output) => !isImageOutput(output) || imageTimes(image, output).rewrite !== undefined)
  if (op?.kind !== 'image' || isRead) return undefined
  const base = session.store.images.get(op.image)
  if (base === undefined || !canFetch(session, base)) return undefined
  return base.root !== undefined && layersUsable(session.store, base.root.layers) ? undefined : base
}

/** The image of such a build, known by its documents: whoever wants its files finds them where those of the base are. */
export function documentImage({ image }: BuildPlan, base: StoredImage, latest: number | undefined): BuiltImage {
  const diffIds: readonly Digest[] = image.base?.rootfs.diff_ids ?? []
  const config = assembleConfig(image, diffIds, [], latest)
  const { bytes, descriptor } = encodeConfig(config, sha256Digest)
  // As it would be packed if its layers were unpacked: these are the blobs in which they came.
  const layers = (manifestOf(base)?.layers ?? []).map(plainDescriptor)
  const manifestBytes = assembleManifest(descriptor, layers, USUAL_LAYERS.family).bytes
  const source = base.reference === undefined ? {} : { reference: base.reference }
  return { id: descriptor.digest, config, configBytes: bytes, content: { kind: 'documents', manifestBytes, ...source } }
}
