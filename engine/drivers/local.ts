import { posix } from 'node:path'
import type { LocalOp } from '../../core/op.ts'
import { hasWildcard } from '../../core/pattern.ts'
import { type ContextDirectory, scanContext } from '../../snapshotter/context.ts'
import type { SnapshotterContext } from '../../snapshotter/snapshot.ts'
import type { Driver } from '../../solver/driver.ts'
import type { StepResult } from './result.ts'

/** A build context: scanned in every build, keyed by its content wherever something copies from it. */
export function localDriver(context: SnapshotterContext, directories: ReadonlyMap<string, ContextDirectory>): Driver<LocalOp, StepResult> {
  return {
    recorded: false,
    facts: (op) => ({ kind: 'local', name: op.name }),
    inputDigests: async () => [],
    execute: async (op, _inputs, execution) => {
      const directory = directories.get(op.name)
      if (directory === undefined) throw new Error(`no context named ${op.name}`)
      const scan = await scanContext(context, directory, scanPrefixes(op.paths), execution.signal)
      execution.progress('files', scan.entries)
      return { result: { kind: 'directory', directory, tree: scan.tree }, stored: '', layers: [] }
    },
    revive: () => undefined,
  }
}

/**
 * The parts of a context that sources can reach: each source up to its first wildcard. A source that may be a link
 * can lead anywhere in the context, which only shows while scanning, so anything but plain top-level names scans all.
 */
function scanPrefixes(paths: readonly string[]): readonly string[] {
  const prefixes = paths.map((path) => {
    const components = path.split('/')
    const wild = components.findIndex(hasWildcard)
    return posix.join('/', ...(wild < 0 ? components : components.slice(0, wild)))
  })
  return prefixes.includes('/') ? [] : [...new Set(prefixes)].sort()
}
