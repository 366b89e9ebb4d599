import type { ChangeAction } from '../../native/types.ts'
import { CONTENT } from '../../snapshotter/caches.ts'
import type { SnapshotterContext } from '../../snapshotter/snapshot.ts'
import { openWorkspace } from '../../snapshotter/workspace.ts'
import { changeSource } from '../drivers/file.ts'
import { type StepResult, treeOf } from '../drivers/result.ts'
import { mountedPath } from './sources.ts'

/**
 * Copies what stands at `path` of a result, a file or a directory with its owner and mode, to `CONTENT` in the fresh `directory`.
 * @throws TsbError `TSB_MOUNT_SOURCE_MISSING`, and what a native change throws
 */
export async function copyPath(
  context: SnapshotterContext,
  input: StepResult,
  path: string,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  const { entry } = await mountedPath(context, input, path)
  const copy = { kind: 'copy', source: 0, paths: [entry.path], unpack: false } as const
  const actions: readonly ChangeAction[] =
    entry.type === 'directory'
      ? [
          { kind: 'make-directory', path: `/${CONTENT}`, mode: entry.mode, owner: `${entry.uid}:${entry.gid}` },
          { ...copy, destination: `/${CONTENT}/` },
        ]
      : [{ ...copy, destination: `/${CONTENT}` }]
  const sources = [changeSource(context, input)]
  await context.native.change({ layers: [], upper: directory, sources, actions, treesDirectory: context.store.layout.trees }, signal)
}

/**
 * Parts of build contexts as steps mount them: copies, so that nothing ignored is seen and nothing changes while a step runs.
 * Each part is copied once in a build, however many steps mount it.
 */
export interface ContextCopies extends AsyncDisposable {
  /** An overlay layer that has the part at `CONTENT`. */
  layerOf(input: StepResult, path: string, signal: AbortSignal): Promise<string>
}

/** No copies yet. Disposing removes those that were made. */
export function contextCopies(context: SnapshotterContext): ContextCopies {
  const copies = new Map<string, Promise<AsyncDisposable & { readonly upper: string }>>()
  const make = async (input: StepResult, path: string, signal: AbortSignal): Promise<AsyncDisposable & { readonly upper: string }> => {
    const workspace = await openWorkspace(context)
    try {
      await copyPath(context, input, path, workspace.upper, signal)
      return workspace
    } catch (error) {
      await workspace[Symbol.asyncDispose]()
      throw error
    }
  }
  return {
    layerOf: async (input, path, signal) => {
      const name = `${treeOf(input)} ${path}`
      const known = copies.get(name) ?? make(input, path, signal)
      copies.set(name, known)
      return (await known).upper
    },
    [Symbol.asyncDispose]: async () => {
      for (const made of await Promise.allSettled(copies.values())) {
        if (made.status === 'fulfilled') await made.value[Symbol.asyncDispose]()
      }
    },
  }
}
