import { existsSync } from 'node:fs'
import { join } from 'node:path'
import pLimit from 'p-limit'
import type { Digest } from '../../core/digest.ts'
import { blobPath, type Layout, layerPath } from '../layout.ts'
import { isBlobDamaged, isTreeDamaged, provesDamage, type Verifier } from './damage.ts'
import { type Finding, finding } from './finding.ts'
import { type Looking, namesIn } from './look.ts'

/** Whose content was read. */
export interface ContentReport {
  readonly findings: readonly Finding[]
  readonly layers: number
  readonly blobs: number
  readonly trees: number
}

interface LayerRow {
  readonly id: string
  readonly delta: Digest
  readonly diff_id: Digest | null
  readonly plain_size: number | null
}

/** Native calls at a time; the large ones use all cores by themselves. */
const CONCURRENCY = 4

/**
 * Reads all content that has a digest: blobs, tree indexes, layers. What goes away while it is read was removed by somebody, and is no
 * finding. @throws what the system had no room for
 */
export async function contentFindings({ connection, layout }: Looking, native: Verifier, signal: AbortSignal): Promise<ContentReport> {
  const limit = pLimit(CONCURRENCY)
  const check = async (path: string, isDamaged: () => Promise<boolean>, found: () => Finding): Promise<Finding | undefined> =>
    limit(async () => {
      signal.throwIfAborted()
      return existsSync(path) && (await isDamaged()) && existsSync(path) ? found() : undefined
    })
  const layers = connection
    .prepare<[], LayerRow>('SELECT id, delta, diff_id, plain_size FROM layers WHERE lease IS NULL')
    .all()
    .filter(({ id }) => existsSync(join(layout.layers, id)))
  const blobs = namesIn(join(layout.oci, 'blobs', 'sha256')).filter((name) => /^[0-9a-f]{64}$/.test(name))
  const trees = namesIn(layout.trees).filter((name) => !name.endsWith('.tmp'))
  const found = await Promise.all([
    ...layers.map((layer) => {
      const path = join(layout.layers, layer.id)
      return check(
        path,
        () => isLayerChanged(layout, layer, native),
        () => finding('layer-damaged', join('layers', layer.id)),
      )
    }),
    ...blobs.map((hex) => {
      const digest: Digest = `sha256:${hex}`
      const path = blobPath(layout, digest)
      return check(
        path,
        () => isBlobDamaged(layout, digest),
        () => finding('blob-damaged', `oci/blobs/sha256/${hex}`),
      )
    }),
    ...trees.map((name) => {
      const path = join(layout.trees, name)
      return check(
        path,
        () => isTreeDamaged(layout, name, native),
        () => finding('tree-damaged', `trees/${name}`),
      )
    }),
  ])
  return { findings: found.flatMap((each) => each ?? []), layers: layers.length, blobs: blobs.length, trees: trees.length }
}

/** By the delta, and by the tar where it was made here: the diffID of a base's layer is that of a tar that we cannot make. */
async function isLayerChanged(
  layout: Layout,
  { id, delta, diff_id: diffId, plain_size: size }: LayerRow,
  native: Verifier,
): Promise<boolean> {
  const upper = layerPath(layout, id)
  try {
    if ((await native.delta(upper)) !== delta) return true
    if (diffId === null || size === null) return false
    return (await native.writeLayer({ upper, compression: 'none' })).diffId !== diffId
  } catch (error) {
    return provesDamage(error)
  }
}
