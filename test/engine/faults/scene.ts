import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MIGRATIONS } from '../../../store/schema.ts'
import { imageHandler } from '../../registry/support.ts'
import { startServer, type TestServer } from '../../support/http-server.ts'
import { makeImage } from '../../support/images.ts'
import { BUSYBOX_ROOT } from '../../support/paths.ts'
import { type Finished, runProcess } from '../../support/process.ts'
import { registryMissing, startRegistry, type TestRegistry } from '../../support/registry.ts'
import { LAUNCHER } from '../../support/tsbuild.ts'
import { startWebServer } from '../../support/web-server.ts'

/** Stores to begin with: nothing, one image called `busybox`, that in a store of the first version, and that with the scene's build. */
export type Template = 'empty' | 'base' | 'old' | 'built'

/** Where commands are disturbed: a build that uses everything, servers that it fetches from, and stores to begin with. */
export interface Scene extends AsyncDisposable {
  readonly folder: string
  /** Build of the context; the same image ID whenever and wherever it is made. */
  readonly build: readonly string[]
  /** Build on an image of a registry. */
  readonly pull: readonly string[]
  /** An archive of the image `busybox`. */
  readonly archive: string
  /** Where a registry takes pushes; absent where none is installed. */
  readonly registry?: string
  readonly env: Readonly<Record<string, string>>
  run(root: string, args: readonly string[]): Promise<Finished>
  must(root: string, args: readonly string[]): Promise<string>
  /** A fresh copy of a store. */
  storeOf(template: Template): string
  /** Files that commands have left outside of the store and of where they were told to write. */
  strays(): readonly string[]
}

const dockerfile = (web: string): string => `# syntax=docker/dockerfile:1
FROM busybox AS a
ARG UNUSED
RUN --mount=type=cache,target=/c,sharing=locked --mount=type=bind,target=/context \\
    cat /context/many/file1 > /a && head -c 300000 /dev/zero > /zeros && echo x > /c/x
FROM busybox AS b
COPY many /many
COPY <<one <<two /texts/
1
one
2
two
FROM busybox
WORKDIR /work/dir
ADD http://${web}/added.tar.gz /
COPY --from=a /a /zeros /from-a/
COPY --from=b /many /texts /many/
RUN --network=none --mount=type=cache,id=/c,target=/other,sharing=locked --mount=type=cache,from=b,source=/many,target=/seeded \\
    test -e /seeded/file59 && cat /from-a/a > /result
`

/** Makes a scene in a folder of its own. */
export async function openScene(): Promise<Scene> {
  const folder = mkdtempSync(join(process.env['TSBUILD_TEST_STORES'] ?? tmpdir(), 'tsbuild-scene-'))
  const [context, pulling, web, temporary] = ['context', 'pulling', 'web', 'tmp'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
    string,
  ]
  for (const path of [join(context, 'many'), pulling, web, temporary, join(folder, 'stores')]) mkdirSync(path, { recursive: true })
  const images = [
    await makeImage({
      files: [
        ['noise', randomBytes(900_000)],
        ['more', 'text'.repeat(50_000)],
        ['third', 'x'],
      ],
    }),
  ]
  const servers: readonly [TestServer, TestServer] = [await startServer(imageHandler(images)), await startWebServer(web)]
  const registry: TestRegistry | undefined = registryMissing() === false ? await startRegistry() : undefined
  for (let n = 0; n < 60; n += 1) writeFileSync(join(context, 'many', `file${n}`), `content ${n}\n`)
  writeFileSync(join(web, 'added.tar.gz'), randomBytes(200_000))
  writeFileSync(join(context, 'Dockerfile'), dockerfile(servers[1].host))
  writeFileSync(join(pulling, 'Dockerfile'), `FROM ${servers[0].host}/app:1\nCOPY Dockerfile /\n`)
  const scene = sceneIn(folder, { SOURCE_DATE_EPOCH: '1700000000', TMPDIR: temporary }, registry?.host)
  await scene.must(join(folder, 'stores/base'), ['import', BUSYBOX_ROOT, 'busybox'])
  await scene.must(join(folder, 'stores/base'), ['save', '-o', scene.archive, 'busybox'])
  for (const name of ['old', 'built']) copyStore(join(folder, 'stores/base'), join(folder, 'stores', name))
  makeOld(join(folder, 'stores/old/tsbuild.db'))
  await scene.must(join(folder, 'stores/built'), scene.build)
  mkdirSync(join(folder, 'stores/empty'))
  return {
    ...scene,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...servers.map((server) => server[Symbol.asyncDispose]()), registry?.stop()])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function sceneIn(folder: string, env: Scene['env'], registry: string | undefined): Omit<Scene, typeof Symbol.asyncDispose> {
  const root = join(folder, 'store')
  const run: Scene['run'] = (store, args) =>
    runProcess(process.execPath, [LAUNCHER, ...args], { env: { ...process.env, ...env, TSBUILD_ROOT: store, NO_COLOR: '1' } })
  const output = ['-q', '-o', 'type=image,rewrite-timestamp=true']
  return {
    folder,
    build: ['build', ...output, '-t', 'app', join(folder, 'context')],
    pull: ['build', ...output, '-t', 'pulled', '--pull', join(folder, 'pulling')],
    archive: join(folder, 'busybox.tar'),
    env,
    ...(registry === undefined ? {} : { registry }),
    run,
    must: async (store, args) => {
      const { code, stdout, stderr } = await run(store, args)
      assert.equal(code, 0, `${args.join(' ')}: ${stderr}`)
      return stdout
    },
    storeOf: (template) => {
      rmSync(root, { recursive: true, force: true })
      copyStore(join(folder, 'stores', template), root)
      return root
    },
    strays: () => readdirSync(join(folder, 'tmp')),
  }
}

/** Layers hold devices, links, owners and times. */
function copyStore(from: string, to: string): void {
  execFileSync('cp', ['-a', from, to])
}

/** Makes a database one of the first version, with the images and layers that it has. */
function makeOld(path: string): void {
  const Database = createRequire(import.meta.url)('better-sqlite3')
  renameSync(path, `${path}.new`)
  for (const suffix of ['-wal', '-shm']) renameSync(path + suffix, `${path}.new${suffix}`)
  const database = new Database(path)
  database.pragma('journal_mode = WAL')
  database.exec(MIGRATIONS[0])
  database.pragma('user_version = 1')
  database.prepare('ATTACH ? AS new').run(`${path}.new`)
  for (const [table, columns] of Object.entries(FIRST_COLUMNS)) {
    database.exec(`INSERT OR IGNORE INTO main.${table} (${columns}) SELECT ${columns} FROM new.${table}`)
  }
  database.exec('DETACH new')
  database.close()
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}.new${suffix}`, { force: true })
}

const FIRST_COLUMNS = {
  layers: 'id, lease, delta, entries, bytes, created, diff_id, plain_size',
  layer_blobs: 'diff_id, compression, digest, size',
  images: 'id, config, manifest, reference, layers, tree, created',
  names: 'name, image',
} as const

/** Numerical Recipes' linear congruence: enough for instants, and a failure can be had again. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}
