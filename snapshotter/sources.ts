import { posix } from 'node:path'
import type { Digest } from '../core/digest.ts'
import { hasWildcard, matchComponent, patternRule } from '../core/pattern.ts'
import type { CopyFilter, IgnoreRule } from '../native/types.ts'
import type { SnapshotterContext } from './snapshot.ts'

/**
 * The paths of a tree that a COPY source names. A source without wildcards stands for itself, there or not; one with wildcards
 * (Go's `filepath.Match`, component by component) for what matches, in the order of names, or where what is before them is not there
 * for that. Links are followed in the components before the first wildcard and nowhere else, as in fsutil; `select` follows the paths
 * that come back. @throws TsbError `TSB_PATTERN_INVALID`
 */
export async function resolveSource(context: SnapshotterContext, tree: Digest, source: string): Promise<readonly string[]> {
  if (!hasWildcard(source)) return [source]
  const components = source.split('/').filter((component) => component !== '')
  const wild = components.findIndex(hasWildcard)
  // A malformed one is told of whatever there is to match.
  for (const component of components.slice(wild)) matchComponent(component, '')
  const treesDirectory = context.store.layout.trees
  const above = posix.join('/', ...components.slice(0, wild))
  if (!(await exists(context, tree, above))) return [above]
  let found: readonly Found[] = [{ path: above, isDirectory: true }]
  for (const component of components.slice(wild)) {
    const directories = found.filter(({ isDirectory }) => isDirectory)
    const lists = directories.map(async ({ path }) => {
      const entries = await context.native.list({ treesDirectory, tree, directory: path })
      return entries.map((entry) => ({ path: posix.join(path, posix.basename(entry.path)), isDirectory: entry.type === 'directory' }))
    })
    found = (await Promise.all(lists)).flat().filter(({ path }) => matchComponent(component, posix.basename(path)))
  }
  return found.map(({ path }) => path)
}

async function exists(context: SnapshotterContext, tree: Digest, path: string): Promise<boolean> {
  if (path === '/') return true
  const { entries } = await context.native.select({ treesDirectory: context.store.layout.trees, tree, paths: [path] })
  return entries[0] !== null
}

interface Found {
  readonly path: string
  readonly isDirectory: boolean
}

/** What a copy takes of the directories that it names. @throws TsbError `TSB_PATTERN_INVALID` */
export function copyFilter(parents: string | undefined, exclude: readonly string[] = []): CopyFilter | undefined {
  if (parents === undefined && exclude.length === 0) return undefined
  const rules = (patterns: readonly string[]): readonly IgnoreRule[] => patterns.flatMap((pattern) => patternRule(pattern) ?? [])
  return { exclude: rules(exclude), ...(parents === undefined ? {} : { include: rules([parents]) }) }
}
