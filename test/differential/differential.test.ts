import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Engine, openEngine } from '../../engine/index.ts'
import type { TestServer } from '../support/http-server.ts'
import { findOracle, type Oracle } from '../support/oracle.ts'
import { openTsbuild, type Tsbuild } from '../support/tsbuild.ts'
import { startWebServer } from '../support/web-server.ts'
import { type FlatImage, flattenImage } from '../tools/compare/image.ts'
import { BASE_NAMES, writeBaseArchive } from './base.ts'
import { type DifferentialCase, outOfServer, type Place, readCases, rewriteExpectations } from './case-file.ts'
import { contextFolder, writeContext } from './context.ts'
import { buildNewer, NEWER_BUILDKIT } from './newer.ts'
import { buildOurs } from './ours.ts'
import { type Outcome, renderOutcome } from './outcome.ts'
import { buildTheirs } from './theirs.ts'

/** Where we mean to differ from Docker, and why. Such a case has a section `ours`, and fails when it no longer differs. */
const DELIBERATE: Readonly<Record<string, string>> = {
  'add/archive-attributes': 'Docker keeps capabilities of the attributes in archives: we keep those that users set, too',
  'add/archive-sparse': 'Docker refuses the sparse members of GNU tar, which are plainly specified: we unpack them',
  'add/archive-xz': "Docker unpacks xz by its host's program `xz`, and copies the archive where there is none: we need no program",
  'context/git-epoch': 'Later versions of BuildKit than the one of Docker 28 give the files the time of their commit then, and so do we',
  'context/named-http': 'BuildKit 0.25 takes every http URL of a named context for a git repository, and fails: a defect',
  'context/named-image-scratch': 'Docker writes an empty architecture and no directory where a context is the empty image: a defect',
  'copy/block-device': "BuildKit's transfer of the context turns block devices into character devices: a defect",
  'copy/chown-huge': 'Docker takes numbers beyond 31 bits for names, which nobody has, and gives the file to root: we take the number',
  'run/mount-below-existing': 'below Docker, a directory looks changed in which the target of a mount was made: we leave it as it was',
  'stages/target-by-number': 'stages are called by number in COPY --from, and Docker once took a number as the target, too: so do we',
  'mount/points-beside': 'BuildKit leaves the time at which it made a mount point on the directory above: we leave no trace',
  'epoch/made-parents': 'BuildKit dates the last directory only, so that the others are never the same twice: we date them all',
  'copy/wildcard-nothing-below':
    'BuildKit has of a context what was asked for, and misses the directory before a wildcard that found nothing',
  'copy/wildcard-nothing-directory':
    'BuildKit has of a context what was asked for, and misses the directory before a wildcard that found nothing',
  'copy/wildcard-nothing-file':
    'BuildKit has of a context what was asked for, and misses the directory before a wildcard that found nothing',
  'copy/parents-escapes': 'BuildKit looks for a name that has to be there with its backslashes',
  'copy/parents-pivot-link': 'BuildKit copies through a link before the pivot, and yet finds nothing there when something has to be',
}

const UPDATE = process.env['UPDATE'] === '1'
const only = process.env['CASE']
const cases = readCases().filter(({ name }) => only === undefined || only.split(',').some((text) => name.includes(text)))
const oracle = await findOracle()
const notRoot = process.getuid?.() === 0 ? false : 'only root can run containers and make the contexts'

/**
 * Each file of testdata/differential is built by us and compared with what Docker made of it, which the file keeps. Where a Docker
 * Engine is up, it builds them all again and must still agree with the files. `UPDATE=1` rewrites them; `CASE=text` picks by name
 * (`group/name`), of which several may be given with commas between, and Docker is asked for those only. Cases for a newer BuildKit
 * are asked of the one at BUILDKIT_HOST.
 */
describe('as Docker', { skip: notRoot, timeout: 1_200_000 }, () => {
  let folder: string
  let web: TestServer
  let store: Tsbuild
  let engine: Engine
  let base: FlatImage
  let theirs: Promise<ReadonlyMap<string, Outcome>> | undefined

  const placeOf = (given: DifferentialCase): Place => ({ folder: contextFolder(folder, given), server: `http://${web.host}` })

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tsbuild-differential-'))
    const bases = join(folder, 'bases.tar')
    await writeBaseArchive(bases)
    base = await flattenImage(bases, BASE_NAMES[0])
    web = await startWebServer(folder)
    for (const given of cases) await writeContext(given, placeOf(given))
    store = await openTsbuild()
    engine = await openEngine({ env: { ...process.env, TSBUILD_ROOT: store.root } })
    await engine.load(bases, new AbortController().signal)
    if (typeof oracle === 'string') return
    theirs = askThem(oracle, folder, `http://${web.host}`, bases)
    // Whoever awaits it gets the error; until then it is not an unhandled one.
    theirs.catch(() => {})
  })

  after(async () => {
    await theirs?.catch(() => {})
    // What `before` did not come to is not there.
    await engine?.[Symbol.asyncDispose]()
    await store?.[Symbol.asyncDispose]()
    await web?.[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })

  describe('we make what the case says', { concurrency: 2 }, () => {
    for (const given of cases) {
      test(given.name, async (context) => {
        const ours = await buildOurs(engine, store, given, placeOf(given))
        const error = ours.kind === 'failure' ? `${ours.code}\n` : ''
        const made = outOfServer(renderOutcome(ours, base), placeOf(given))
        const { expect, ...own } = UPDATE && isAsked(given) ? await updated(given, made, error, (text) => context.diagnostic(text)) : given
        assert.equal(given.name in DELIBERATE, own.ours !== '', 'the differences that we want are listed, and no others')
        if (own.ours !== '') assert.notEqual(own.ours, expect)
        assert.equal(made, own.ours === '' ? expect : own.ours, ours.kind === 'failure' ? ours.message : undefined)
        assert.equal(error, own.error)
      })
    }
  })

  describe('the cases say what Docker makes', { skip: typeof oracle === 'string' ? oracle : UPDATE }, () => {
    for (const given of cases) {
      test(given.name, { skip: isAsked(given) ? false : 'no newer BuildKit' }, async () => {
        const outcome = (await theirs)?.get(given.name)
        assert.ok(outcome)
        assert.equal(
          outOfServer(renderOutcome(outcome, base), placeOf(given)),
          given.expect,
          outcome.kind === 'failure' ? outcome.message : undefined,
        )
      })
    }
  })

  /** Asks Docker, and writes the sections of the case anew. */
  async function updated(
    given: DifferentialCase,
    made: string,
    error: string,
    report: (text: string) => void,
  ): Promise<Pick<DifferentialCase, 'expect' | 'ours' | 'error'>> {
    if (theirs === undefined) throw new Error('only with a Docker Engine can expectations be updated')
    const outcome = (await theirs).get(given.name)
    assert.ok(outcome)
    // Two that fail may fail for different reasons: whoever updates should look.
    if (outcome.kind === 'failure') report(`${given.name}: ${outcome.message}`)
    const deliberate = given.name in DELIBERATE
    const sections = {
      expect: outOfServer(renderOutcome(outcome, base), placeOf(given)),
      ours: deliberate ? made : '',
      error: deliberate || outcome.kind === 'failure' ? error : '',
    }
    rewriteExpectations(given.name, sections)
    return sections
  }
})

function isAsked({ newer }: DifferentialCase): boolean {
  return !newer || NEWER_BUILDKIT !== undefined
}

/** What is beyond Docker's own BuildKit is asked of a newer one, where there is one. */
async function askThem(oracle: Oracle, folder: string, server: string, bases: string): Promise<ReadonlyMap<string, Outcome>> {
  const [newer, known] = [cases.filter((given) => given.newer), cases.filter((given) => !given.newer)]
  const asked = NEWER_BUILDKIT === undefined ? new Map<string, Outcome>() : await buildNewer(newer, folder)
  return new Map([...asked, ...(await buildTheirs(oracle, known, folder, server, bases, UPDATE))])
}
