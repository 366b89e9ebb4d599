import { posix } from 'node:path'
import type { LocalOp } from '../../core/op.ts'
import { hasWildcard } from '../../core/pattern.ts'
import type { ScanResult } from '../../native/types.ts'
import { type ContextDirectory, scanContext } from '../../snapshotter/context.ts'
import type { SnapshotterContext } from '../../snapshotter/snapshot.ts'
import type { Driver } from '../../solver/driver.ts'
import type { ContextSource } from '../contexts/types.ts'
import { executed } from './remote.ts'
import type { StepResult } from './result.ts'

/** A build context: looked at anew in every build, keyed by its content wherever something copies from it. */
export function localDriver(context: SnapshotterContext, contexts: ReadonlyMap<string, ContextSource>): Driver<LocalOp, StepResult> {
  return {
    recorded: false,
    facts: (op) => ({ kind: 'local', name: op.name }),
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
 * Scans the parts of the context that sources name. A source that is a link may lead out of them: then, and when a
 * source is not there at all, everything is scanned.
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
  const { entries } = await context.native.select({ treesDirectory: context.store.layout.trees, tree: scan.tree, paths: prefixes })
  return entries.includes(null) ? scanContext(context, directory, [], signal) : scan
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
