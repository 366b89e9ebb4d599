import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Digest } from '../../core/digest.ts'
import { isTsbError } from '../../core/error.ts'
import { loadNative } from '../../native/index.ts'
import type { ChangeAction, CommitResult, IgnoreRule, ScanResult } from '../../native/types.ts'

/** Mounts need it; a test that mounts skips without. */
export const isRoot: boolean = process.getuid?.() === 0

export const skipUnlessRoot: { skip?: string } = isRoot ? {} : { skip: 'needs root: overlay mounts' }

/** The time that files of a stage have; what a call writes anew is younger. */
export const OLD = 978_307_200

/** A directory for one test with the places that native calls need. Gone when the test ends. */
export interface Stage {
  readonly folder: string
  readonly trees: string
  path(...parts: string[]): string
  scan(options?: ScanOptions): Promise<ScanResult>
  /** All paths of a tree, in its order. */
  paths(tree: Digest): Promise<readonly string[]>
  /**
   * Runs actions on the directory `base`, from the directory `context`; the upper is `upper`.
   * Asserts that what the change says about itself is what a look at its upper says.
   */
  change(actions: readonly ChangeAction[], options?: { readonly onScratch: boolean }): Promise<CommitResult>
}

export interface ScanOptions {
  readonly root?: string
  readonly prefixes?: readonly string[]
  readonly rules?: readonly IgnoreRule[]
  readonly index?: string
}

/** Makes a stage whose directories hold what `content` says, see `populate`. */
export function stageFor(test: TestContext, content: Readonly<Record<string, string>> = {}): Stage {
  const folder = mkdtempSync(join(tmpdir(), 'tsbuild-native-'))
  test.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = (...parts: string[]): string => join(folder, ...parts)
  for (const name of ['trees', 'context', 'base', 'upper']) mkdirSync(path(name))
  populate(folder, content)
  const native = loadNative()
  const trees = path('trees')
  const scan = (options: ScanOptions = {}): Promise<ScanResult> =>
    native.scan({
      root: options.root ?? path('context'),
      prefixes: options.prefixes ?? [],
      rules: options.rules ?? [],
      treesDirectory: trees,
      ...(options.index === undefined ? {} : { statIndex: path(options.index) }),
    })
  const paths = async (tree: Digest, directory = '/'): Promise<readonly string[]> => {
    const entries = await native.list({ treesDirectory: trees, tree, directory })
    const nested = await Promise.all(
      entries.map(async (entry) => [entry.path, ...(entry.type === 'directory' ? await paths(tree, entry.path) : [])]),
    )
    return nested.flat()
  }
  const change = async (actions: readonly ChangeAction[], options = { onScratch: false }): Promise<CommitResult> => {
    const below = options.onScratch ? undefined : await native.commit({ upper: path('base'), treesDirectory: trees })
    const result = await native.change({
      layers: options.onScratch ? [] : [path('base')],
      upper: path('upper'),
      treesDirectory: trees,
      sources: [{ kind: 'directory', root: path('context'), tree: (await scan()).tree }],
      actions,
      ...(below === undefined ? {} : { parent: below.tree }),
    })
    const look = await native.commit({
      upper: path('upper'),
      treesDirectory: trees,
      ...(below === undefined ? {} : { parent: below.tree }),
    })
    assert.deepEqual(result, look)
    return result
  }
  return { folder, trees, path, scan, paths, change }
}

/**
 * Makes files below `folder`. Keys are paths, values their content; a path that ends in `/` is a directory, `-> target` makes
 * a symbolic link, `= path` a hard link, and a first line `0NNN|` sets the mode. Everything gets the time `OLD`.
 */
export function populate(folder: string, content: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(content)) {
    const path = join(folder, name)
    const [, mode, text = value] = /^(0[0-7]+)\|([\s\S]*)$/.exec(value) ?? []
    mkdirSync(name.endsWith('/') ? path : dirname(path), { recursive: true })
    if (value.startsWith('-> ')) symlinkSync(value.slice(3), path)
    else if (value.startsWith('= ')) linkSync(join(folder, value.slice(2)), path)
    else if (!name.endsWith('/')) writeFileSync(path, text)
    if (mode !== undefined) chmodSync(path, Number.parseInt(mode, 8))
  }
  for (const name of names(folder)) lutimesSync(join(folder, name), OLD, OLD)
}

/** What lies below a directory, a line each: path, type, mode, owner, size or target, and `old` or `new` by its time. */
export function listing(folder: string): readonly string[] {
  return names(folder).map((name) => {
    const stat = lstatSync(join(folder, name))
    const age = stat.mtimeMs === OLD * 1000 ? 'old' : 'new'
    const mode = (stat.mode & 0o7777).toString(8)
    const owner = `${stat.uid}:${stat.gid}`
    if (stat.isSymbolicLink()) return `${name} l ${owner} ${readlinkSync(join(folder, name))} ${age}`
    if (stat.isDirectory()) return `${name} d ${mode} ${owner} ${age}`
    return `${name} ${stat.isFile() ? 'f' : 'x'} ${mode} ${owner} ${stat.size} ${age}`
  })
}

/** Everything below a directory, sorted. Node's own recursive listing goes through symbolic links. */
function names(folder: string, prefix = ''): string[] {
  const entries = readdirSync(join(folder, prefix), { withFileTypes: true })
  const nested = entries.map((entry) => [join(prefix, entry.name), ...(entry.isDirectory() ? names(folder, join(prefix, entry.name)) : [])])
  return nested.flat().sort()
}

/** Asserts that a call fails with an error of ours. */
export function failsWith(code: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isTsbError(error), String(error))
    assert.equal(error.code, code)
    return true
  }
}

/** Mounts that this process can see. */
export function mounts(): string {
  return execFileSync('cat', ['/proc/self/mountinfo'], { encoding: 'utf8' })
}
