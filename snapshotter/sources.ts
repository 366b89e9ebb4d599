import { posix } from 'node:path'
import type { Digest } from '../core/digest.ts'
import { hasWildcard, matchComponent } from '../core/pattern.ts'
import type { TreeEntry } from '../native/types.ts'
import type { SnapshotterContext } from './snapshot.ts'

/**
 * The paths of a tree that a COPY source names. A source without wildcards stands for itself, there or not;
 * one with wildcards (Go's `filepath.Match`, component by component) for what matches, in the order of names.
 * Literal components are followed through links, as `select` does.
 */
export async function resolveSource(context: SnapshotterContext, tree: Digest, source: string): Promise<readonly string[]> {
  if (!hasWildcard(source)) return [source]
  const components = source.split('/').filter((component) => component !== '')
  let paths: readonly string[] = ['/']
  for (const [index, component] of components.entries()) {
    const isLast = index === components.length - 1
    if (!hasWildcard(component)) {
      paths = paths.map((path) => posix.join(path, component))
      if (isLast) paths = await existing(context, tree, paths)
      continue
    }
    const found: string[] = []
    for (const path of paths) {
      for (const entry of await listFollowed(context, tree, path)) {
        const name = posix.basename(entry.path)
        if (matchComponent(component, name)) found.push(posix.join(path, name))
      }
    }
    paths = found
  }
  return paths
}

async function listFollowed(context: SnapshotterContext, tree: Digest, path: string): Promise<readonly TreeEntry[]> {
  const treesDirectory = context.store.layout.trees
  const { entries } = await context.native.select({ treesDirectory, tree, paths: [path] })
  const directory = entries[0]
  if (directory?.type !== 'directory') return []
  return context.native.list({ treesDirectory, tree, directory: directory.path })
}

async function existing(context: SnapshotterContext, tree: Digest, paths: readonly string[]): Promise<readonly string[]> {
  if (paths.length === 0) return paths
  const { entries } = await context.native.select({ treesDirectory: context.store.layout.trees, tree, paths })
  return paths.filter((_, index) => entries[index] !== null)
}
