import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createReadStream, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import pLimit from 'p-limit'
import { extract } from 'tar-stream'
import { readBuild } from '../../../cli/commands/build.ts'
import { isTsbError } from '../../../core/error.ts'
import { type Engine, openEngine, parseOutput, parseSecret, parseSsh } from '../../../engine/index.ts'
import { findOracle } from '../../support/oracle.ts'
import { REPOSITORY } from '../../support/paths.ts'
import { runProcess } from '../../support/process.ts'
import { openTsbuild, type Tsbuild } from '../../support/tsbuild.ts'
import { randomPattern, randomRules, writePaths } from './patterns.ts'
import { ascii } from './question.ts'
import { Random } from './random.ts'

/** The lines of an ignore file or one source of COPY, and what is copied then; `null` when it is refused. */
type Row = readonly [subject: string, copied: Copied | null]

/** Paths, with the paths that their contents come from; `/` for directories. */
type Copied = Readonly<Record<string, string>>

/** Builds a Dockerfile in a folder into a tar; false when it is refused. */
type Build = (folder: string, args: readonly string[], archive: string) => Promise<boolean>

/** Those that we refuse are asked one by one. */
const REFUSED = 80

interface Kind {
  readonly name: string
  readonly count: number
  readonly batch: number
  readonly make: (random: Random) => string
  /** Lays out a build of many rows, each of which copies into a folder of its number, and says the options. */
  readonly lay: (folder: string, subjects: readonly string[]) => Promise<readonly string[]>
}

const KINDS: readonly Kind[] = [
  { name: 'wildcards', count: 400, batch: 100, make: randomPattern, lay: layWildcards },
  { name: 'ignore', count: 300, batch: 30, make: (random) => randomRules(random).join('\n'), lay: layIgnore },
]

const notRoot = process.getuid?.() === 0 ? false : 'only root has a store of overlays'

/**
 * Made-up ignore files and wildcards of COPY over one tree, each with what Docker 28.5 copies then. `ASK=wildcards` and `ASK=ignore` make
 * new ones (`SEED=n` those of a seed), ask Docker and keep its answers instead of the old ones.
 */
describe('patterns match what they match for Docker', { skip: notRoot, timeout: 3_600_000 }, () => {
  const { ASK: wanted, SEED: seed } = process.env
  let store: Tsbuild
  let engine: Engine

  before(async () => {
    store = await openTsbuild()
    engine = await openEngine({ env: { ...process.env, TSBUILD_ROOT: store.root } })
    for (const kind of KINDS.filter(({ name }) => name === wanted)) {
      assert.notEqual(typeof (await findOracle()), 'string')
      const random = new Random(Number(seed ?? Date.now()))
      const subjects = new Set<string>()
      while (subjects.size < kind.count) subjects.add(kind.make(random))
      const ours = await inBatches(kind, [...subjects], (...build) => buildOurs(engine, ...build))
      const accepted = ours.flatMap(([subject, copied]) => (copied === null ? [] : [subject]))
      const refused = ours.flatMap(([subject, copied]) => (copied === null ? [subject] : [])).slice(0, REFUSED)
      const limit = pLimit(3)
      const alone = await Promise.all(refused.map((subject) => limit(() => buildBatch(kind, [subject], buildTheirs))))
      writeRows(kind.name, [...(await inBatches(kind, accepted, buildTheirs)), ...alone.flat()])
    }
  })

  after(async () => {
    await engine[Symbol.asyncDispose]()
    await store[Symbol.asyncDispose]()
  })

  for (const kind of KINDS) {
    test(kind.name, async () => {
      const rows = readRows(kind.name)
      assert.ok(rows.length >= 200)
      const subjects = rows.map(([subject]) => subject)
      const ours = new Map(await inBatches(kind, subjects, (...build) => buildOurs(engine, ...build)))
      const wrong = rows.flatMap(([subject, copied]) => {
        const own = ours.get(subject) ?? null
        return JSON.stringify(own) === JSON.stringify(copied) ? [] : [{ subject, docker: copied, ours: own }]
      })
      assert.deepEqual(wrong, [])
    })
  }
})

async function inBatches(kind: Kind, subjects: readonly string[], build: Build): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (let at = 0; at < subjects.length; at += kind.batch)
    rows.push(...(await buildBatch(kind, subjects.slice(at, at + kind.batch), build)))
  return rows
}

/** All in one build; halves of them where that is refused. */
async function buildBatch(kind: Kind, subjects: readonly string[], build: Build): Promise<readonly Row[]> {
  // Docker keeps contexts by their folder's name and compares sizes and times only.
  const folder = await mkdtemp(join(tmpdir(), 'tsbuild-patterns-'))
  try {
    const args = await kind.lay(folder, subjects)
    const archive = join(folder, 'result.tar')
    if (await build(folder, args, archive)) {
      const copied = await listArchive(archive)
      return subjects.map((subject, index): Row => [subject, copied.get(index) ?? {}])
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  const [only] = subjects
  if (subjects.length === 1 && only !== undefined) return [[only, null]]
  const half = Math.ceil(subjects.length / 2)
  return [...(await buildBatch(kind, subjects.slice(0, half), build)), ...(await buildBatch(kind, subjects.slice(half), build))]
}

/** The whole context is copied, too: Docker sends no more of it than is used, and complains of folders that it did not send. */
async function layWildcards(folder: string, subjects: readonly string[]): Promise<readonly string[]> {
  const context = join(folder, `files-${randomBytes(6).toString('hex')}`)
  await writePaths(context)
  const copies = subjects.map((subject, index) => `COPY ${JSON.stringify([subject, `/${index}/`])}\n`)
  await writeFile(join(folder, 'Dockerfile'), `FROM scratch\nCOPY . /all/\n${copies.join('')}`)
  return [context]
}

async function layIgnore(folder: string, subjects: readonly string[]): Promise<readonly string[]> {
  const run = randomBytes(6).toString('hex')
  const args: string[] = []
  for (const [index, subject] of subjects.entries()) {
    const context = join(folder, `${run}-${index}`)
    await writePaths(context)
    await writeFile(join(context, '.dockerignore'), subject)
    args.push('--build-context', `c${index}=${context}`)
  }
  const empty = join(folder, `empty-${run}`)
  await mkdir(empty)
  const copies = subjects.map((_, index) => `COPY --from=c${index} / /${index}/\n`)
  await writeFile(join(folder, 'Dockerfile'), `FROM scratch\n${copies.join('')}`)
  return [...args, empty]
}

async function buildTheirs(folder: string, args: readonly string[], archive: string): Promise<boolean> {
  const options = [
    '--quiet',
    '--no-cache',
    '--provenance=false',
    '--file',
    join(folder, 'Dockerfile'),
    '--output',
    `type=tar,dest=${archive}`,
  ]
  const { code, stderr } = await runProcess('docker', ['buildx', 'build', ...options, ...args])
  if (code !== 0 && args.length < 4) process.stderr.write(`${stderr.trim().split('\n').at(-1)}\n`)
  return code === 0
}

async function buildOurs(engine: Engine, folder: string, args: readonly string[], archive: string): Promise<boolean> {
  const argv = ['--file', join(folder, 'Dockerfile'), '--output', `type=tar,dest=${archive}`, ...args]
  try {
    await engine.build(readBuild(argv, { parseOutput, parseSecret, parseSsh }), () => {}, new AbortController().signal)
    return true
  } catch (error) {
    if (!isTsbError(error) || error.fault === 'bug' || error.fault === 'host') throw error
    return false
  }
}

/** What is in each numbered folder. */
async function listArchive(archive: string): Promise<ReadonlyMap<number, Copied>> {
  const found = new Map<number, Record<string, string>>()
  for await (const entry of createReadStream(archive).pipe(extract())) {
    const [, number = '', path = ''] = /^(?:\.?\/)?(\d+)\/(.*?)\/?$/s.exec(entry.header.name) ?? []
    const content = entry.header.type === 'directory' ? '/' : (await buffer(entry)).toString()
    entry.resume()
    if (path === '' || path === '.dockerignore') continue
    const copied = found.get(Number(number)) ?? {}
    copied[path] = content
    found.set(Number(number), copied)
  }
  return new Map(
    [...found].map(([number, copied]) => [number, Object.fromEntries(Object.entries(copied).sort(([a], [b]) => (a < b ? -1 : 1)))]),
  )
}

function pathOf(name: string): string {
  return join(REPOSITORY, `testdata/language/${name}.json`)
}

/** A content that is the path itself is left out. */
function readRows(name: string): readonly Row[] {
  const rows = existsSync(pathOf(name))
    ? (JSON.parse(readFileSync(pathOf(name), 'utf8')) as readonly (readonly [string, ...string[]])[])
    : []
  return rows.map(([subject, ...copied]): Row => {
    if (copied[0] === '!') return [subject, null]
    return [subject, Object.fromEntries(copied.map((line) => line.split(' <- ')).map(([path = '', source = path]) => [path, source]))]
  })
}

function writeRows(name: string, rows: readonly Row[]): void {
  const lines = rows.map(([subject, copied]) => {
    const entries =
      copied === null ? ['!'] : Object.entries(copied).map(([path, source]) => (path === source ? path : `${path} <- ${source}`))
    return ascii(JSON.stringify([subject, ...entries]))
  })
  writeFileSync(pathOf(name), `[\n${lines.join(',\n')}\n]\n`)
}
