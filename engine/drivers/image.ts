import type { Digest } from '../../core/digest.ts'
import type { ImageOp } from '../../core/op.ts'
import { layersUsable } from '../../snapshotter/snapshot.ts'
import { hasTree, isIndexed } from '../../snapshotter/tree.ts'
import { chainIds } from '../../snapshotter/unpack.ts'
import type { Driver, Execution } from '../../solver/driver.ts'
import { configOf } from '../../store/images.ts'
import { canFetch, materialiseRoot } from '../image-root.ts'
import type { Session } from '../session.ts'
import type { StepResult } from './result.ts'

/** What a record keeps of a base: its tree. Which layers make it is the image's to say, and they may come and go. */
interface StoredBase {
  readonly tree: Digest
}

/**
 * The root of a base image: fetched and unpacked when a step needs it and nobody knows its tree. Where the tree is known, steps with
 * earlier results do without the layers; who executes asks for them (`Present`).
 */
export function imageDriver(session: Session): Driver<ImageOp, StepResult> {
  return {
    recorded: true,
    facts: (op) => ({ kind: 'image', image: op.image }),
    kin: (op) => ({ kind: 'image', image: op.image }),
    trees: () => [],
    inputDigests: async () => [],
    execute: async (op, _inputs, execution) => {
      const { snapshot, newLayers } = await materialiseRoot(session, op.image, execution.signal, onProgress(execution))
      const stored: StoredBase = { tree: snapshot.tree }
      return { result: { kind: 'root', snapshot }, stored: JSON.stringify(stored), layers: newLayers }
    },
    revive: (op, stored) => revive(session, op, (JSON.parse(stored) as StoredBase).tree),
  }
}

async function revive(session: Session, { image: id }: ImageOp, tree: Digest): Promise<StepResult | undefined> {
  const { store, snapshotter } = session
  const image = store.images.get(id)
  if (image === undefined) return undefined
  const { root } = image
  const isWhole = root?.tree === tree && layersUsable(store, root.layers) && (await hasTree(snapshotter, root))
  if (isWhole) return { kind: 'root', snapshot: root }
  if (!isIndexed(snapshotter, tree) || !canFetch(session, image)) return undefined
  return { kind: 'root', snapshot: { layers: chainIds(configOf(image).rootfs.diff_ids), tree }, base: id }
}

function onProgress(execution: Execution): (blob: Digest, current: number, total: number) => void {
  return (blob, current, total) => execution.progress(blob, current, total)
}
