import { lstatSync, lutimesSync, mkdirSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import type { Canonical } from '../../core/canonical.ts'
import { TsbError } from '../../core/error.ts'
import type { GitOp } from '../../core/op.ts'
import { openWorkspace, type Workspace } from '../../snapshotter/workspace.ts'
import { commitRoot } from './commit.ts'
import { type Git, isRefused, openGit } from './git-process.ts'
import { type FetchedTree, type KeptTree, keepTree } from './keep.ts'
import type { RemoteWork } from './types.ts'

/** What of a repository is wanted; see `GitOp`. */
export type GitSource = Omit<GitOp, 'kind'>

/**
 * The files of a repository at a ref. The ref is looked up in every build, unless it is a commit; what a commit has is fetched once.
 * @throws TsbError `TSB_GIT_MISSING`, `TSB_GIT_FAILED`, `TSB_GIT_REF`, `TSB_GIT_CHECKSUM`, `TSB_GIT_SUBDIR`; nothing remains then
 */
export async function fetchGit(work: RemoteWork, wanted: GitSource): Promise<FetchedTree> {
  const subdir = clean(wanted.subdir)
  // A `.git` is of the whole, so a directory of it has none, as with BuildKit.
  const source: GitSource = { ...wanted, subdir, keepGitDir: wanted.keepGitDir && subdir === '' }
  const git = await openGit(work, source.remote)
  const found = await findCommit(git, source.ref)
  checkCommit(git, source, found)
  const { keepGitDir, submodules, mtime } = source
  // Only a `.git` tells where the files are from, and under what name.
  const kept = keepGitDir ? { remote: git.remote, ref: found.name ?? '', tag: found.tag ?? '' } : null
  const facts: Canonical = { kind: 'git', commit: found.commit, subdir, kept, submodules, mtime }
  return keepTree(work, facts, async () => {
    await using workspace = await openWorkspace(work.snapshotter)
    return await checkOut(work, git, source, found, workspace)
  })
}

interface FoundCommit {
  readonly commit: string
  /** Full name of the ref that led to it. */
  readonly name?: string
  /** The tag object, where the ref is an annotated tag. */
  readonly tag?: string
}

const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/

/** Which commit a ref is, as `git checkout` would choose: a full name, then a branch, then a tag. */
async function findCommit(git: Git, ref: string): Promise<FoundCommit> {
  if (COMMIT.test(ref)) return { commit: ref }
  const wanted = ref === '' ? ['HEAD'] : [ref, `${ref}^{}`]
  const lines = (await git.run(['ls-remote', ...(ref === '' ? ['--symref'] : []), '--', git.remote, ...wanted])).split('\n')
  const symbolic = /^ref: (\S+)\tHEAD$/.exec(lines[0] ?? '')?.[1]
  const refs = new Map(lines.filter((line) => !line.startsWith('ref: ')).map((line) => line.split('\t').reverse() as [string, string]))
  const names = ref === '' ? ['HEAD'] : [full(ref, 'refs/'), full(ref, 'refs/heads/'), full(ref, 'refs/tags/')]
  const name = names.find((candidate) => refs.has(candidate))
  const object = name === undefined ? undefined : refs.get(name)
  if (name === undefined || object === undefined) {
    const what = ref === '' ? 'default branch' : `ref \`${ref}\``
    throw new TsbError('TSB_GIT_REF', `\`${git.shown}\` has no ${what}`, {
      fault: 'input',
      hint: 'name a branch, a tag, or a commit by all of its digits',
    })
  }
  const peeled = refs.get(`${name}^{}`)
  const known = name === 'HEAD' ? symbolic : name
  return {
    commit: peeled ?? object,
    ...(known === undefined ? {} : { name: known }),
    ...(peeled === undefined ? {} : { tag: object }),
  }
}

function full(ref: string, prefix: string): string {
  return prefix + (ref.startsWith(prefix) ? ref.slice(prefix.length) : ref)
}

function checkCommit(git: Git, { ref, checksum }: GitSource, { commit, tag }: FoundCommit): void {
  if (checksum === undefined || commit.startsWith(checksum) || tag?.startsWith(checksum) === true) return
  const what = ref === '' ? 'the default branch' : `\`${ref}\``
  throw new TsbError(
    'TSB_GIT_CHECKSUM',
    `${what} of \`${git.shown}\` is not what its checksum says: expected \`${checksum}\`, found \`${commit}\``,
    {
      fault: 'input',
      hint: 'find out whether it was moved on purpose before you change the checksum',
    },
  )
}

async function checkOut(work: RemoteWork, git: Git, source: GitSource, found: FoundCommit, workspace: Workspace): Promise<KeptTree> {
  const { subdir, keepGitDir, mtime } = source
  const { upper } = workspace
  const gitDirectory = keepGitDir ? join(upper, '.git') : join(workspace.work, 'git')
  const tree = subdir === '' ? upper : join(workspace.work, 'tree')
  if (tree !== upper) mkdirSync(tree)
  const run = (...args: readonly string[]): Promise<string> => git.run([`--git-dir=${gitDirectory}`, `--work-tree=${tree}`, ...args], tree)
  const format = found.commit.length === 64 ? ['--object-format=sha256'] : []
  await run('init', '--quiet', '--template=', ...format)
  // Where we have checked it out is nobody's work tree later.
  if (tree !== upper && keepGitDir) await run('config', '--unset', 'core.worktree')
  await fetchCommit(run, git, found)
  await run('checkout', '--quiet', '--force', '--detach', found.commit)
  const hasModules = lstatSync(join(tree, '.gitmodules'), { throwIfNoEntry: false })?.isFile() === true
  if (keepGitDir) await run('remote', 'add', 'origin', git.remote)
  if (hasModules && source.submodules) await fetchSubmodules(run, git)
  const time = Number((await run('show', '--no-patch', '--format=%ct', found.commit)).trim())
  if (tree !== upper) moveSubdirectory(git, tree, subdir, upper)
  if (mtime === 'commit') setTimes(upper, time, keepGitDir)
  return { snapshot: await commitRoot(work, workspace), time }
}

type Run = (...args: readonly string[]) => Promise<string>

/** Only that commit where the server gives it, else everything. */
async function fetchCommit(run: Run, git: Git, { commit, name, tag }: FoundCommit): Promise<void> {
  const options = ['fetch', '--quiet', '--update-head-ok', '--no-write-fetch-head']
  const named = name === undefined ? commit : `+${tag ?? commit}:${name}`
  try {
    await run(...options, '--no-tags', '--depth=1', '--', git.remote, named)
  } catch (error) {
    if (!isRefused(error)) throw error
    await run(...options, '--tags', '--', git.remote, '+refs/*:refs/remotes/origin/*')
  }
}

/** Relative URLs of submodules count from the repository's own. */
async function fetchSubmodules(run: Run, git: Git): Promise<void> {
  await run('config', 'remote.origin.url', git.remote)
  await run('submodule', '--quiet', 'update', '--init', '--recursive', '--depth=1')
}

/** @throws TsbError `TSB_GIT_SUBDIR` for one that is not there, or that a link of the repository leads to */
function moveSubdirectory(git: Git, tree: string, subdir: string, target: string): void {
  let directory = tree
  for (const name of subdir.split('/')) {
    directory = join(directory, name)
    if (lstatSync(directory, { throwIfNoEntry: false })?.isDirectory() === true) continue
    throw new TsbError('TSB_GIT_SUBDIR', `\`${git.shown}\` has no directory \`${subdir}\``, {
      fault: 'input',
      hint: 'check the part behind `#REF:`, or `subdir=`; links are not followed',
    })
  }
  for (const name of readdirSync(directory)) renameSync(join(directory, name), join(target, name))
}

function setTimes(directory: string, time: number, keepGitDir: boolean): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (keepGitDir && entry.name === '.git') continue
    const path = join(directory, entry.name)
    if (entry.isDirectory()) setTimes(path, time, false)
    lutimesSync(path, time, time)
  }
}

/** A path inside the repository: `..` cannot leave it. */
function clean(subdir: string): string {
  const parts: string[] = []
  for (const name of subdir.split('/')) {
    if (name === '..') parts.pop()
    else if (name !== '' && name !== '.') parts.push(name)
  }
  return parts.join('/')
}
