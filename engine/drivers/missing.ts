import { readdir } from 'node:fs/promises'
import { posix } from 'node:path'
import { type ErrorCode, TsbError } from '../../core/error.ts'
import type { SnapshotterContext } from '../../snapshotter/snapshot.ts'
import { type StepResult, treeOf } from './result.ts'

/**
 * The error of a COPY, or of a mount, whose source is not there: it names the ignore rule that hides it, if one does, or what is there
 * and has nearly that name.
 */
export async function sourceMissing(
  context: SnapshotterContext,
  source: StepResult,
  path: string,
  code: ErrorCode = 'TSB_COPY_SOURCE_MISSING',
): Promise<TsbError> {
  const where = source.kind === 'directory' ? 'the build context' : 'the source stage, image or context'
  const hint = (await hidden(source, path)) ?? (await nearest(context, source, path))
  return new TsbError(code, `\`${path}\` is not in ${where}`, {
    fault: 'input',
    hint: hint ?? 'check the path: it is relative to the root of its source',
  })
}

async function hidden(source: StepResult, path: string): Promise<string | undefined> {
  if (source.kind !== 'directory' || source.local.ignore === undefined) return undefined
  const { ignore } = source.local
  const { ignoredBy } = await import('../../frontend/index.ts')
  const rule = ignoredBy(ignore, path.slice(1))
  return rule === undefined
    ? undefined
    : `\`${rule.pattern}\` on line ${rule.line} of \`${ignore.file.name}\` excludes it: add \`!${path.slice(1)}\` below`
}

/** Goes down the path as far as there is one, and looks around where it ends. */
async function nearest(context: SnapshotterContext, source: StepResult, path: string): Promise<string | undefined> {
  const { suggest } = await import('../../frontend/index.ts')
  const components = path.split('/').filter((component) => component !== '')
  let directory = '/'
  for (const [index, component] of components.entries()) {
    const names = await namesIn(context, source, directory)
    if (names.includes(component)) {
      directory = posix.join(directory, component)
      continue
    }
    const guess = suggest(component, names)
    if (guess === undefined) return undefined
    return `did you mean \`${posix.join(directory, guess, ...components.slice(index + 1))}\`?`
  }
  return undefined
}

/** The tree of a context has only what steps read, so its directory is asked. */
async function namesIn(context: SnapshotterContext, source: StepResult, directory: string): Promise<readonly string[]> {
  if (source.kind === 'directory') return readdir(posix.join(source.local.directory.root, directory)).catch(() => [])
  const { native, store } = context
  const entries = await native.list({ treesDirectory: store.layout.trees, tree: treeOf(source), directory })
  return entries.map((entry) => posix.basename(entry.path))
}
