import type { Native } from '../native/types.ts'
import { type Connection, checkpoint } from './database.ts'
import type { Layout } from './layout.ts'
import type { Unsynced } from './unsynced.ts'

/**
 * Starts a sync beside the build when something noted in this boot has been written back by now. When it ends, those notes go,
 * and the database's log, which grows with every build, is emptied. Nobody waits for it: when this process ends first, the
 * notes stay for the next one.
 */
export function settle(connection: Connection, layout: Layout, unsynced: Unsynced, startSync: Native['startSync']): void {
  const point = unsynced.due()
  if (point === undefined) return
  startSync(layout.layers, () => {
    if (!connection.open) return
    try {
      unsynced.settle(point)
      checkpoint(connection)
    } catch {
      // A full disk, a database busy for too long: the notes stay, and the build meets it by itself.
    }
  })
}
