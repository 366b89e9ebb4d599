import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { imageHandler } from '../registry/support.ts'
import { startServer, type TestServer } from '../support/http-server.ts'
import { makeImage } from '../support/images.ts'
import { buildSteps } from '../support/steps.ts'
import { openTsbuild, type Tsbuild } from '../support/tsbuild.ts'
import { storeFaults } from './store-check.ts'

/** A registry with one base of two layers, a store, and a directory with a Dockerfile. */
interface Bench extends AsyncDisposable {
  readonly tsbuild: Tsbuild
  readonly server: TestServer
  readonly directory: string
  readonly base: string
  /** Layers that were asked for since the last time. */
  takeLayers(): number
  dockerfile(text: string): void
}

async function openBench(dockerfile: (base: string) => string): Promise<Bench> {
  const files = ['big', 'other'].map((name) => [name, randomBytes(10_000)] as const)
  const image = await makeImage({ files })
  const server = await startServer(imageHandler([image]))
  const tsbuild = await openTsbuild()
  const directory = mkdtempSync(join(tmpdir(), 'tsbuild-lazy-'))
  mkdirSync(join(directory, 'src'))
  writeFileSync(join(directory, 'src/f'), 'f\n')
  const base = `${server.host}/app:1`
  const layers = new Set(image.manifest.layers.map(({ digest }) => `/v2/app/blobs/${digest}`))
  const write = (text: string): void => writeFileSync(join(directory, 'Dockerfile'), text)
  write(dockerfile(base))
  let counted = 0
  return {
    tsbuild,
    server,
    directory,
    base,
    takeLayers: () => {
      const asked = server.requests.slice(counted).filter(({ url }) => layers.has(url)).length
      counted = server.requests.length
      return asked
    },
    dockerfile: write,
    [Symbol.asyncDispose]: async () => {
      rmSync(directory, { recursive: true, force: true })
      await tsbuild[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}

test('a base to which only config is added is neither downloaded nor unpacked, and the image is the same as if it were', async () => {
  await using bench = await openBench((base) => `FROM ${base}\nENV A=1\nLABEL b=2\nCMD ["/big"]\n`)
  const { tsbuild, directory, takeLayers } = bench
  await tsbuild.must(['build', '-t', 'lazy', directory])
  assert.equal(takeLayers(), 0)
  assert.deepEqual(readdirSync(join(tsbuild.root, 'layers')), [])
  assert.deepEqual(await storeFaults(tsbuild.root), [])
  const lazy = await tsbuild.must(['images', '-q', '--no-trunc'])

  await tsbuild.must(['build', '-o', `type=local,dest=${join(directory, 'out')}`, directory])
  assert.equal(takeLayers(), 2, 'an output of the files needs them')
  assert.equal(readFileSync(join(directory, 'out/big')).length, 10_000)
  await tsbuild.must(['build', '-t', 'read', directory])
  const ids = new Set((await tsbuild.must(['images', '-q', '--no-trunc'])).trim().split('\n'))
  assert.deepEqual([...ids].filter((id) => lazy.includes(id)).length, lazy.trim().split('\n').length)
})

test('an image on an unread base is saved and built on like any other, and fetches the layers then', async () => {
  await using bench = await openBench((base) => `FROM ${base}\nENV A=1\n`)
  const { tsbuild, directory, takeLayers } = bench
  await tsbuild.must(['build', '-t', 'lazy', directory])
  await tsbuild.must(['save', '-o', join(directory, 'lazy.tar'), 'lazy'])
  assert.equal(takeLayers(), 2)
  await using other = await openTsbuild()
  await other.must(['load', '-i', join(directory, 'lazy.tar')])
  bench.dockerfile('FROM lazy\nCOPY src/f /f\n')
  for (const each of [other, tsbuild]) {
    const out = join(directory, 'out')
    await each.must(['build', '-o', `type=local,dest=${out}`, directory])
    assert.deepEqual(readdirSync(out).sort(), ['big', 'f', 'other'])
    rmSync(out, { recursive: true })
  }
  assert.equal(takeLayers(), 0, 'the blobs were kept')
  assert.deepEqual(await storeFaults(tsbuild.root), [])
})

test('an oci archive of an unread base has all its layers', async () => {
  await using bench = await openBench((base) => `FROM ${base}\nENV A=1\n`)
  const { tsbuild, directory, takeLayers } = bench
  await tsbuild.must(['build', '-o', `type=oci,dest=${join(directory, 'a.tar')}`, directory])
  assert.equal(takeLayers(), 2)
  assert.deepEqual(readdirSync(join(tsbuild.root, 'layers')), [], 'and nothing is unpacked for it')
  await using other = await openTsbuild()
  await other.must(['load', '-i', join(directory, 'a.tar')])
})

test('a build that finds all steps cached does without the layers of a base that were evicted; who executes gets them', async () => {
  const stages = (base: string, step: string): string =>
    `FROM ${base} AS build\nCOPY src/f /f\nCOPY src/f /${step}\nFROM scratch\nCOPY --from=build /f /${step} /\n`
  await using bench = await openBench((base) => stages(base, 'g'))
  const { tsbuild, directory, takeLayers } = bench
  await buildSteps(tsbuild, ['-t', 'app', directory])
  assert.equal(takeLayers(), 2)
  evictBase(tsbuild.root)
  assert.deepEqual((await buildSteps(tsbuild, ['-t', 'app', directory])).ran, [])
  assert.equal(takeLayers(), 0)

  bench.dockerfile(stages(bench.base, 'h'))
  const { ran } = await buildSteps(tsbuild, ['-t', 'app', directory])
  assert.deepEqual(ran, ['[build 3/3] COPY src/f /h', '[stage-1 1/1] COPY --from=build /f /h /'])
  assert.equal(takeLayers(), 2)
  await tsbuild.must(['build', '--target', 'build', '-o', `type=local,dest=${join(directory, 'out')}`, directory])
  assert.ok(existsSync(join(directory, 'out/big')))
  assert.deepEqual(await storeFaults(tsbuild.root), [])
})

test('an image on a base that was evicted has it again', async () => {
  await using bench = await openBench((base) => `FROM ${base}\nCOPY src/f /f\n`)
  const { tsbuild, directory, takeLayers } = bench
  await buildSteps(tsbuild, ['-t', 'app', directory])
  const first = await tsbuild.must(['images', '-q', '--no-trunc'])
  evictBase(tsbuild.root)
  takeLayers()
  assert.deepEqual((await buildSteps(tsbuild, ['-t', 'app', directory])).ran, [])
  assert.equal(takeLayers(), 2)
  assert.equal(await tsbuild.must(['images', '-q', '--no-trunc']), first)
  await tsbuild.must(['save', '-o', join(directory, 'app.tar'), 'app'])
  assert.deepEqual(await storeFaults(tsbuild.root), [])
})

/** What a garbage collection does to a base: its layers go, and with them what names them; its tree and its documents stay. */
function evictBase(root: string): void {
  using store = openDatabase(join(root, 'tsbuild.db'))
  for (const id of readdirSync(join(root, 'layers')).filter((name) => /^[0-9a-f]{64}$/.test(name))) {
    store.exec(`DELETE FROM layers WHERE id = '${id}'; UPDATE images SET layers = NULL, tree = NULL WHERE layers LIKE '%${id}%'`)
    store.exec(`DELETE FROM records WHERE result LIKE '%${id}%'`)
    rmSync(join(root, 'layers', id), { recursive: true })
  }
  rmSync(join(root, 'oci/blobs/sha256'), { recursive: true })
  mkdirSync(join(root, 'oci/blobs/sha256'))
}

function openDatabase(file: string): Database.Database & Disposable {
  const database = new Database(file)
  return Object.assign(database, { [Symbol.dispose]: () => void database.close() })
}
