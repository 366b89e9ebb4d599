import type { Digest } from '../../core/digest.ts'
import type { ImageOp } from '../../core/op.ts'
import { layersUsable, type Snapshot, type SnapshotterContext } from '../../snapshotter/snapshot.ts'
import { hasTree } from '../../snapshotter/tree.ts'
import type { Driver, Execution } from '../../solver/driver.ts'
import { materialiseRoot } from '../image-root.ts'
import type { Session } from '../session.ts'
import type { StepResult } from './result.ts'

/** The root of a base image: fetched and unpacked when a step needs it and the store lacks it. */
export function imageDriver(session: Session): Driver<ImageOp, StepResult> {
  return {
    recorded: true,
    facts: (op) => ({ kind: 'image', image: op.image }),
    kin: (op) => ({ kind: 'image', image: op.image }),
    trees: () => [],
    inputDigests: async () => [],
    execute: async (op, _inputs, execution) => {
      const { snapshot, newLayers } = await materialiseRoot(session, op.image, execution.signal, onProgress(execution))
      return { result: { kind: 'root', snapshot }, stored: JSON.stringify(snapshot), layers: newLayers }
    },
    revive: (_op, stored) => reviveSnapshot(session.snapshotter, JSON.parse(stored) as Snapshot),
  }
}

async function reviveSnapshot(context: SnapshotterContext, snapshot: Snapshot): Promise<StepResult | undefined> {
  const isWhole = layersUsable(context.store, snapshot.layers) && (await hasTree(context, snapshot))
  return isWhole ? { kind: 'root', snapshot } : undefined
}

function onProgress(execution: Execution): (blob: Digest, current: number, total: number) => void {
  return (blob, current, total) => execution.progress(blob, current, total)
}
