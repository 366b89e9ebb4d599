import { chmodSync, existsSync, mkdirSync, rmdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { SnapshotterContext } from './snapshot.ts'

/** Where a step's writes go until it is committed. Disposing removes whatever was not committed. */
export interface Workspace extends AsyncDisposable {
  /** Overlay upper and work directory, fresh and empty, on the store's file system. */
  readonly upper: string
  readonly work: string
}

/** Makes a workspace under this process's lease, so that a kill leaves nothing that the next process does not remove. */
export async function openWorkspace(context: SnapshotterContext): Promise<Workspace> {
  const { store, native, effects } = context
  await store.prepare()
  const directory = join(store.leases.own().directory, `step-${effects.randomId()}`)
  const upper = join(directory, 'upper')
  const work = join(directory, 'work')
  mkdirSync(directory, { mode: 0o700 })
  makeRoot(upper)
  mkdirSync(work, { mode: 0o700 })
  return { upper, work, [Symbol.asyncDispose]: remove }
  async function remove(): Promise<void> {
    if (!removeEmptied({ directory, upper, work })) await native.remove([directory])
  }
}

/** What a volatile overlay leaves in its work directory: a file `dirty` in this. */
const VOLATILE = 'work/incompat/volatile'

interface Places {
  readonly directory: string
  readonly upper: string
  readonly work: string
}

/** Removes a workspace whose upper became a layer or is empty, in less time than a thread would take to begin. False when more is left. */
function removeEmptied({ directory, upper, work }: Places): boolean {
  try {
    rmSync(join(work, VOLATILE, 'dirty'), { force: true })
    if (existsSync(join(work, VOLATILE))) for (const left of [VOLATILE, dirname(VOLATILE), 'work']) rmdirSync(join(work, left))
    // Still there where an earlier layer stands in for it.
    if (existsSync(upper)) rmdirSync(upper)
    rmdirSync(work)
    rmdirSync(directory)
    return true
  } catch {
    return false
  }
}

/** A directory that becomes a root. Its own mode is the one that `/` has, whatever the user's umask. */
export function makeRoot(path: string): void {
  mkdirSync(path)
  chmodSync(path, 0o755)
}
