import { mkdirSync, renameSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Digest } from '../core/digest.ts'
import type { CommitResult } from '../native/types.ts'
import type { LayerId, LayerRow } from '../store/layers.ts'
import { layerPath } from '../store/layout.ts'
import type { Snapshot, SnapshotterContext } from './snapshot.ts'
import type { Workspace } from './workspace.ts'

/** A committed change: the layer it became, and the root it makes with what is below. */
export interface Committed {
  readonly snapshot: Snapshot
  readonly layer: LayerId
  readonly delta: Digest
  /** False when an existing layer of the same change stands in. */
  readonly isNew: boolean
}

/** Finds an earlier layer of the same op with the same change, if there is one. */
export type FindTwin = (delta: Digest) => LayerId | undefined

/** Finds out what a step wrote and makes it a layer on top of `parent`, see `commitChange`. */
export async function commit(
  context: SnapshotterContext,
  workspace: Workspace,
  parent: Snapshot | undefined,
  findTwin: FindTwin,
): Promise<Committed> {
  const change = await context.native.commit({
    upper: workspace.upper,
    treesDirectory: context.store.layout.trees,
    ...(parent === undefined ? {} : { parent: parent.tree }),
  })
  return commitChange(context, workspace, parent, change, findTwin)
}

/**
 * Turns a change into a layer on top of `parent`. The upper directory becomes the layer as it is.
 * Where the same step made the same change before, the old layer stands in, which keeps image digests stable.
 * The layer is this process's own until it is published.
 */
export function commitChange(
  context: SnapshotterContext,
  workspace: Workspace,
  parent: Snapshot | undefined,
  change: CommitResult,
  findTwin: FindTwin,
): Committed {
  const { effects } = context
  const below = parent?.layers ?? []
  const twin = findTwin(change.delta)
  if (twin !== undefined && context.store.pins.tryHold({ layers: [twin] })) {
    return { snapshot: { layers: [...below, twin], tree: change.tree }, layer: twin, delta: change.delta, isNew: false }
  }
  const layer = effects.randomId()
  adopt(context, workspace.upper, { id: layer, created: effects.now(), ...sizes(change) })
  return { snapshot: { layers: [...below, layer], tree: change.tree }, layer, delta: change.delta, isNew: true }
}

/**
 * Moves a finished upper directory among the layers; its row comes first, so that a kill leaves no unknown directory.
 * @returns false, and nothing has moved, when another process has a layer of this id
 */
export function adopt(context: SnapshotterContext, upper: string, layer: LayerRow): boolean {
  const { store } = context
  if (!store.layers.announce(layer, store.leases.own().id)) return false
  const target = layerPath(store.layout, layer.id)
  mkdirSync(dirname(target), { mode: 0o700 })
  renameSync(upper, target)
  return true
}

/** The columns of a layer's row that a commit knows. */
export function sizes(change: CommitResult): Pick<LayerRow, 'delta' | 'entries' | 'bytes'> {
  return { delta: change.delta, entries: change.entries, bytes: change.bytes }
}
