import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Engine, openEngine } from '../../engine/index.ts'
import { findOracle } from '../support/oracle.ts'
import { openTsbuild, type Tsbuild } from '../support/tsbuild.ts'
import { type FlatImage, flattenImage } from '../tools/compare/image.ts'
import type { Inode } from '../tools/compare/root-tree.ts'
import type { DifferentialCase } from './case-file.ts'
import { contextFolder, writeContext } from './context.ts'
import { buildByNewer, NEWER_BUILDKIT } from './newer.ts'
import { buildByEngine } from './ours.ts'
import { failureOf, type Outcome } from './outcome.ts'
import { dockerfileOf, type RandomCopies, randomCopies } from './random-copy.ts'

const ROUNDS = Number(process.env['TSBUILD_COPY_ROUNDS'] ?? 20)
const FIRST = Number(process.env['TSBUILD_COPY_SEED'] ?? Math.floor(Math.random() * 1e9))
const LINES = 30
/** Of the lines that we refuse so many are tried on Docker, one by one. */
const REFUSED = 3

/** BuildKit looks at places of files that it leaves out, too, and fails when a file stands where they would have a directory. */
const KNOWN = /failed to stat .*: not a directory/

const oracle = await findOracle()
const skip =
  process.getuid?.() !== 0 ? 'only root can make the contexts' : NEWER_BUILDKIT === undefined && typeof oracle === 'string' ? oracle : false

/**
 * Random COPY instructions on random trees, by us and by Docker (or the BuildKit at BUILDKIT_HOST, which knows `--parents`): the same
 * lines are refused, and the others make the same files. TSBUILD_COPY_SEED and TSBUILD_COPY_ROUNDS repeat a failure.
 */
describe('random copies', { skip, timeout: 3_600_000 }, () => {
  let folder: string
  let store: Tsbuild
  let engine: Engine

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tsbuild-copies-'))
    store = await openTsbuild()
    engine = await openEngine({ env: { ...process.env, TSBUILD_ROOT: store.root } })
  })

  after(async () => {
    await engine?.[Symbol.asyncDispose]()
    await store?.[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })

  for (let seed = FIRST; seed < FIRST + ROUNDS; seed++) {
    test(`seed ${seed}`, async () => {
      const copies = randomCopies(seed, LINES, NEWER_BUILDKIT !== undefined)
      const { script, lines } = copies
      const context = contextFolder(folder, caseOf(`copies/${seed}`, script))
      await writeContext(caseOf(`copies/${seed}`, script), { folder: context, server: '' })
      await sameFromContext(context, copies)
      const taken = await acceptedBy((index) => ours(context, copies, [index]), lines)
      const refused = lines.map((_, index) => index).filter((index) => !taken.includes(index))
      for (const index of refused.slice(0, REFUSED)) {
        assert.equal((await theirs(context, copies, [index])).kind, 'failure', `we refuse \`${lines[index]}\``)
      }
      const { left, expected } = await acceptedByThem(context, copies, taken)
      const made = await ours(context, copies, left)
      if (made.kind === 'failure') throw new Error(made.message)
      const differences = differencesOf(made.image, expected)
      const named = differences.map((text) => `${lines[Number(/^\/(\d+)/.exec(text)?.[1])] ?? ''}\n  ${text}`)
      assert.deepEqual(named, [], `seed ${seed}`)
    })
  }

  /** Of our own builds only: in Docker's a context has what was asked for and not more, which wildcards can tell. */
  async function sameFromContext(context: string, copies: RandomCopies): Promise<void> {
    const { lines } = copies
    const local = lines.map((line) => line.replace('--from=src ', ''))
    for (const index of lines.keys()) {
      const [staged, sent] = [await ours(context, copies, [index]), await ours(context, { ...copies, lines: local }, [index])]
      assert.equal(sent.kind, staged.kind, `\`${local[index]}\``)
      if (staged.kind === 'image' && sent.kind === 'image') assert.deepEqual(differencesOf(sent.image, staged.image), [], local[index])
    }
  }

  /** What they make of the lines that we take. One that they do not take for a known reason is left out. */
  async function acceptedByThem(
    context: string,
    copies: RandomCopies,
    taken: readonly number[],
  ): Promise<{ readonly left: readonly number[]; readonly expected: FlatImage }> {
    const all = await theirs(context, copies, taken)
    if (all.kind === 'image') return { left: taken, expected: all.image }
    const left: number[] = []
    for (const index of taken) {
      const one = await theirs(context, copies, [index])
      if (one.kind === 'image') left.push(index)
      else if (!KNOWN.test(one.message)) throw new Error(`\`${copies.lines[index]}\` is refused, and not by us: ${one.message}`)
    }
    const rest = await theirs(context, copies, left)
    if (rest.kind === 'failure') throw new Error(rest.message)
    return { left, expected: rest.image }
  }

  async function ours(context: string, copies: RandomCopies, taken: readonly number[]): Promise<Outcome> {
    await writeFile(join(context, 'Dockerfile'), dockerfileOf(copies, taken))
    const archive = `${context}.ours.tar`
    const failure = await buildByEngine(engine, ['--output', `type=docker,dest=${archive}`, context])
    return failure ?? { kind: 'image', image: await flattenImage(archive) }
  }

  async function theirs(context: string, copies: RandomCopies, taken: readonly number[]): Promise<Outcome> {
    await writeFile(join(context, 'Dockerfile'), dockerfileOf(copies, taken))
    if (NEWER_BUILDKIT !== undefined) return buildByNewer(context, `${context}.theirs.tar`)
    if (typeof oracle === 'string') throw new Error(oracle)
    const tag = 'differential/copies:latest'
    const failure = await oracle.build({ context, tag, args: ['--no-cache'] }).then(() => undefined, failureOf)
    if (failure !== undefined) return failure
    await oracle.save(tag, `${context}.theirs.tar`)
    await oracle.remove(tag)
    return { kind: 'image', image: await flattenImage(`${context}.theirs.tar`, tag) }
  }
})

async function acceptedBy(build: (index: number) => Promise<Outcome>, lines: readonly string[]): Promise<readonly number[]> {
  const accepted: number[] = []
  for (const index of lines.keys()) if ((await build(index)).kind === 'image') accepted.push(index)
  return accepted
}

function caseOf(name: string, script: string): DifferentialCase {
  return {
    name,
    dockerfile: '',
    files: new Map(),
    script,
    options: [],
    env: {},
    stdin: undefined,
    newer: false,
    expect: '',
    ours: '',
    error: '',
  }
}

/** Times are left out: a layer may stand in for one that was made at another time. */
function differencesOf(ours: FlatImage, theirs: FlatImage): readonly string[] {
  const [made, expected] = [linesOf(ours), linesOf(theirs)]
  const paths = [...new Set([...made.keys(), ...expected.keys()])].sort()
  return paths
    .filter((path) => made.get(path) !== expected.get(path))
    .map((path) => `${path} is \`${made.get(path) ?? 'absent'}\` instead of \`${expected.get(path) ?? 'absent'}\``)
}

function linesOf({ entries }: FlatImage): ReadonlyMap<string, string> {
  const first = new Map<Inode, string>()
  const lines = new Map<string, string>()
  for (const [path, inode] of entries) {
    const { type, mode, uid, gid, content, linkTarget } = inode
    const name = type === 'file' ? (first.get(inode) ?? path) : path
    first.set(inode, name)
    const shown = type === 'symlink' ? `-> ${linkTarget}` : mode.toString(8)
    lines.set(path, [type, shown, `${uid}:${gid}`, content.slice(0, 12), name === path ? '' : `as ${name}`].join(' ').trim())
  }
  return lines
}
