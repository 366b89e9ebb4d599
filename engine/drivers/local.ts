import { posix } from 'node:path'
import type { Digest } from '../../core/digest.ts'
import { isTsbError } from '../../core/error.ts'
import type { LocalOp } from '../../core/op.ts'
import { hasWildcard } from '../../core/pattern.ts'
import type { ScanResult } from '../../native/types.ts'
import { type ContextDirectory, scanContext } from '../../snapshotter/context.ts'
import type { SnapshotterContext } from '../../snapshotter/snapshot.ts'
import { resolveSource } from '../../snapshotter/sources.ts'
import type { Driver } from '../../solver/driver.ts'
import type { ContextSource } from '../contexts/types.ts'
import { executed } from './remote.ts'
import type { StepResult } from './result.ts'

/** A build context: looked at anew in every build, keyed by its content wherever something copies from it. */
export function localDriver(context: SnapshotterContext, contexts: ReadonlyMap<string, ContextSource>): Driver<LocalOp, StepResult> {
  return {
    recorded: false,
    facts: (op) => ({ kind: 'local', name: op.name }),
    kin: (op) => ({ kind: 'local', name: op.name }),
    trees: () => [],
    inputDigests: async () => [],
    execute: async (op, _inputs, execution) => {
      const source = contexts.get(op.name)
      if (source === undefined) throw new Error(`no context named ${op.name}`)
      if (source.kind === 'remote') {
        return executed(await source.fetch(execution))
      }
      const local = await source.open()
      const scan = await scanReachable(context, local.directory, op, execution.signal)
      execution.progress('files', scan.entries)
      return { result: { kind: 'directory', local, tree: scan.tree }, stored: '', layers: [] }
    },
    revive: async () => undefined,
  }
}

/**
 * Scans the parts of the context that sources name. A source that is a link, or that a wildcard finds and is one, may lead out of
 * them: then, and when a source is not there at all, everything is scanned.
 */
async function scanReachable(
  context: SnapshotterContext,
  directory: ContextDirectory,
  op: LocalOp,
  signal: AbortSignal,
): Promise<ScanResult> {
  const prefixes = scanPrefixes(op.paths)
  const scan = await scanContext(context, directory, prefixes, signal)
  if (prefixes.length === 0) return scan
  return (await leadInto(context, scan.tree, op.paths, prefixes)) ? scan : scanContext(context, directory, [], signal)
}

/** Whether all that `sources` find is at or below one of `prefixes`. */
async function leadInto(
  context: SnapshotterContext,
  tree: Digest,
  sources: readonly string[],
  prefixes: readonly string[],
): Promise<boolean> {
  const isBelow = (path: string): boolean => prefixes.some((prefix) => path === prefix || path.startsWith(`${prefix}/`))
  try {
    const found = await Promise.all(sources.filter(hasWildcard).map((source) => resolveSource(context, tree, source)))
    const paths = [...prefixes, ...found.flat()]
    const { entries } = await context.native.select({ treesDirectory: context.store.layout.trees, tree, paths })
    return entries.every((entry) => entry !== null && isBelow(entry.path))
  } catch (error) {
    // A link that leads nowhere is a problem of whoever follows it.
    if (isTsbError(error) && error.code === 'TSB_COPY_LINKS') return false
    throw error
  }
}

/** Each source up to its first wildcard; none at all when one of them is the whole context. */
function scanPrefixes(paths: readonly string[]): readonly string[] {
  const prefixes = paths.map((path) => {
    const components = path.split('/')
    const wild = components.findIndex(hasWildcard)
    return posix.join('/', ...(wild < 0 ? components : components.slice(0, wild)))
  })
  return prefixes.includes('/') ? [] : [...new Set(prefixes)].sort()
}
