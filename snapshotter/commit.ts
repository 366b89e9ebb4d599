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

/** An earlier layer that can be had instead of the one just written, and what it makes of the parent. */
export interface StandIn {
  readonly layer: LayerId
  readonly tree: Digest
}

/** Finds an earlier layer that does instead of the one with this change, if there is one. */
export type FindStandIn = (change: CommitResult) => Promise<StandIn | undefined>

/** Finds out what a step wrote and makes it a layer on top of `parent`, see `commitChange`. */
export async function commit(
  context: SnapshotterContext,
  workspace: Workspace,
  parent: Snapshot | undefined,
  findStandIn: FindStandIn,
): Promise<Committed> {
  const change = await context.native.commit({
    upper: workspace.upper,
    treesDirectory: context.store.layout.trees,
    ...(parent === undefined ? {} : { parent: parent.tree }),
  })
  return commitChange(context, workspace, parent, change, findStandIn)
}

/**
 * Turns a change into a layer on top of `parent`. The upper directory becomes the layer as it is.
 * Where an earlier layer says the same, it stands in, which keeps image digests stable.
 * The layer is this process's own until it is published.
 */
export async function commitChange(
  context: SnapshotterContext,
  workspace: Workspace,
  parent: Snapshot | undefined,
  change: CommitResult,
  findStandIn: FindStandIn,
): Promise<Committed> {
  const { effects } = context
  const below = parent?.layers ?? []
  const known = await findStandIn(change)
  if (known !== undefined && context.store.pins.tryHold({ layers: [known.layer] })) {
    const { layer, tree } = known
    // What the layer says, which need not be what was just written: another step may look for a layer by this.
    const delta = context.store.layers.get(layer)?.delta ?? change.delta
    return { snapshot: { layers: [...below, layer], tree }, layer, delta, isNew: false }
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
