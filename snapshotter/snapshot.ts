import { existsSync } from 'node:fs'
import type { Digest } from '../core/digest.ts'
import type { Effects } from '../core/effects.ts'
import type { Native } from '../native/types.ts'
import type { LayerId } from '../store/layers.ts'
import { layerPath } from '../store/layout.ts'
import type { Store } from '../store/store.ts'

/**
 * A root file system: overlay layers, bottom first, and the digest of what they show together.
 * Layers do not know their parents: a layer is a change that is valid on any root with the same tree.
 */
export interface Snapshot {
  readonly layers: readonly LayerId[]
  readonly tree: Digest
}

/** What the functions of this room work with. */
export interface SnapshotterContext {
  readonly store: Store
  readonly native: Native
  readonly effects: Effects
}

/**
 * The layers' directories, as overlay takes them: bottom first, and none twice, which it refuses. Of a layer that several steps
 * share only the topmost place counts: whatever it says, it says there again. They are pinned: nobody evicts them any more while this
 * process lives.
 * @throws TsbError `TSB_STORE_EVICTED`
 */
export function layerPaths(store: Store, snapshot: Snapshot): readonly string[] {
  const { layers, tree } = snapshot
  store.pins.hold({ layers, trees: [tree] })
  return layers.filter((id, index) => layers.lastIndexOf(id) === index).map((id) => layerPath(store.layout, id))
}

/**
 * Whether layers may be built on: published or made by this process, and still there. One whose directory somebody has
 * removed is made again; a look at each costs microseconds.
 */
export function layersUsable(store: Store, layers: readonly LayerId[]): boolean {
  return store.layers.usable(layers, store.leases.held?.id) && layers.every((id) => existsSync(layerPath(store.layout, id)))
}
