import type { CommitRequest } from '../../native/types.ts'
import { commitChange } from '../../snapshotter/commit.ts'
import type { Snapshot } from '../../snapshotter/snapshot.ts'
import type { Workspace } from '../../snapshotter/workspace.ts'
import type { RemoteWork } from './types.ts'

/** Makes a root of one layer out of a finished upper directory. It is this process's own until it is recorded. */
export async function commitRoot(
  { snapshotter }: RemoteWork,
  workspace: Workspace,
  known: Pick<CommitRequest, 'delta' | 'implicit'> = {},
): Promise<Snapshot> {
  const treesDirectory = snapshotter.store.layout.trees
  const change = await snapshotter.native.commit({ upper: workspace.upper, treesDirectory, ...known })
  // Of a context that came once nobody could make the index again.
  snapshotter.store.pins.hold({ trees: [change.tree] })
  return (await commitChange(snapshotter, workspace, undefined, change, noStandIn)).snapshot
}

/** Who asks for the same has the same key; there is nothing else to share with. */
async function noStandIn(): Promise<undefined> {
  return undefined
}
