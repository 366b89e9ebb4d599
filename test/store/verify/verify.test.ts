import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { sha256Digest } from '../../../core/digest.ts'
import { hostEffects } from '../../../engine/host.ts'
import { loadNative } from '../../../native/index.ts'
import { MIGRATIONS } from '../../../store/schema.ts'
import { openStore, type Store } from '../../../store/store.ts'
import { type FindingKind, verifyStore } from '../../../store/verify/verify.ts'

const native = loadNative()
const signal = new AbortController().signal
const KEY = `blake3:${'a'.repeat(64)}` as const

/** A store with a layer, its tree, a record and an image of it, and a blob. */
async function openSample(t: TestContext): Promise<Store> {
  const root = mkdtempSync(join(tmpdir(), 'tsbuild-verify-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const store = await openStore(join(root, 'store'), native, hostEffects)
  await store.prepare()
  const upper = join(store.layout.layers, 'one', 'diff')
  mkdirSync(upper, { recursive: true })
  writeFileSync(join(upper, 'file'), 'content')
  const { tree, delta } = await native.commit({ upper, treesDirectory: store.layout.trees })
  store.layers.announce({ id: 'one', delta, entries: 1, bytes: 7, created: 1 }, store.leases.own().id)
  const { diffId, plainSize } = await native.writeLayer({ upper, compression: 'none' })
  store.layers.setDiffId('one', diffId, plainSize)
  const record = { key: KEY, kin: KEY, preimage: '{}', trees: [], result: JSON.stringify({ layer: 'one', tree }), created: 1, duration: 1 }
  store.publisher.add({ layers: ['one'], record, claim: KEY })
  const id = sha256Digest(Buffer.from('{}'))
  store.images.put({ id, configBytes: Buffer.from('{}'), root: { layers: ['one'], tree }, created: 1 })
  store.images.name('docker.io/library/app:latest', id)
  await store.blobs.write([Buffer.from('a blob')])
  return store
}

/** A store that nobody uses any more, after `spoil` has been at its files and its database. */
async function spoiled(t: TestContext, spoil: (root: string, sql: (text: string) => void) => void): Promise<string> {
  const store = await openSample(t)
  const { root, database } = store.layout
  await store[Symbol.asyncDispose]()
  const Database = createRequire(import.meta.url)('better-sqlite3')
  const connection = new Database(database)
  spoil(root, (text) => connection.exec(text))
  connection.close()
  return root
}

async function kindsOf(root: string): Promise<readonly string[]> {
  const { findings } = await verifyStore(root, native, hostEffects, signal)
  return findings.map(({ kind }) => kind).sort()
}

/** Names, sizes and times of all that is there. */
function everything(root: string): readonly string[] {
  return (readdirSync(root, { recursive: true }) as string[])
    .filter((name) => !/-(?:shm|wal)$/.test(name))
    .map((name) => {
      const { size, mtimeMs, ctimeMs } = statSync(join(root, name))
      return `${name} ${size} ${mtimeMs} ${ctimeMs}`
    })
    .sort()
}

const DEAD = "INSERT INTO leases VALUES ('dead', 1, 'never', 'another boot', '', 0);"
const blobs = (root: string): string => join(root, 'oci/blobs/sha256')
const first = (folder: string): string => join(folder, readdirSync(folder)[0] ?? '')

const CASES: Readonly<Record<string, readonly [spoil: (root: string, sql: (text: string) => void) => void, ...kinds: FindingKind[]]>> = {
  nothing: [() => undefined],
  'a dead process': [(_, sql) => sql(`${DEAD} INSERT INTO claims VALUES ('k', 'dead')`), 'claim-dead', 'lease-dead'],
  'a claim of nobody': [(_, sql) => sql("INSERT INTO claims VALUES ('k', 'nobody')"), 'claim-dead'],
  'a use of a cache by nobody': [(_, sql) => sql("INSERT INTO cache_uses VALUES ('u', 'c', 'nobody', 0)"), 'cache-use-dead'],
  'a pin of nobody': [(_, sql) => sql("INSERT INTO pins VALUES ('nobody', 'layer', 'one')"), 'pin-dead'],
  'a work directory': [(root) => mkdirSync(join(root, 'work/stray')), 'work-stray'],
  'an unpublished layer': [(_, sql) => sql("UPDATE layers SET lease = 'dead'"), 'layer-unfinished'],
  'a lost layer': [(root) => rmSync(join(root, 'layers/one'), { recursive: true }), 'layer-lost'],
  'a layer without its diff': [(root) => rmSync(join(root, 'layers/one/diff'), { recursive: true }), 'layer-damaged'],
  'a changed layer': [(root) => writeFileSync(join(root, 'layers/one/diff/file'), 'other'), 'layer-damaged'],
  'a layer with another time': [(root) => utimesSync(join(root, 'layers/one/diff/file'), 1, 1), 'layer-damaged'],
  'a forgotten layer': [(_, sql) => sql('DELETE FROM layers'), 'image-lost', 'layer-stray', 'record-lost'],
  'a lost layer of a pulled image': [
    (_, sql) => sql("DELETE FROM layers; UPDATE images SET manifest = CAST('{}' AS BLOB), reference = 'host/app:1'"),
    'image-unpacked',
    'layer-stray',
    'record-lost',
  ],
  'a lost tree': [(root) => rmSync(first(join(root, 'trees'))), 'tree-lost'],
  'a damaged tree': [(root) => writeFileSync(first(join(root, 'trees')), 'x'), 'tree-damaged'],
  'half a tree': [(root) => writeFileSync(join(root, 'trees/abc.999999999-1.tmp'), 'x'), 'file-half'],
  'a file of no build': [
    (root) => {
      mkdirSync(join(root, 'history'))
      writeFileSync(join(root, 'history/x.jsonl.gz'), 'x')
    },
    'history-stray',
  ],
  'a build whose events are gone': [
    (_, sql) => sql("INSERT INTO builds (id, project, variant, started, ended, status, about) VALUES ('x', 'p', 'v', 1, 1, 'error', '{}')"),
    'history-lost',
  ],
  'a damaged blob': [(root) => writeFileSync(first(blobs(root)), 'x'), 'blob-damaged'],
  'a file among the blobs': [(root) => writeFileSync(join(blobs(root), 'readme'), 'x'), 'blob-stray'],
  'a cache without its directory': [
    (_, sql) => sql("INSERT INTO caches (id, identity, name, lease, created, used) VALUES ('c', 'i', 'n', NULL, 1, 1)"),
    'cache-lost',
  ],
  'an unfinished cache': [
    (_, sql) => sql("INSERT INTO caches (id, identity, name, lease, created, used) VALUES ('c', 'i', 'n', 'dead', 1, 1)"),
    'cache-unfinished',
  ],
  'a pruned cache that nobody uses': [
    (_, sql) => sql("INSERT INTO caches (id, identity, name, lease, created, used) VALUES ('c', NULL, 'n', NULL, 1, 1)"),
    'cache-unfinished',
  ],
  'a directory of no cache': [(root) => mkdirSync(join(root, 'caches/c'), { recursive: true }), 'cache-stray'],
  'a name of nothing': [(_, sql) => sql("INSERT INTO names VALUES ('n', 'sha256:0')"), 'name-lost'],
  'no oci-layout': [(root) => rmSync(join(root, 'oci/oci-layout')), 'layout-damaged'],
  'an index.json that does not read': [(root) => writeFileSync(join(root, 'oci/index.json'), '{'), 'index-damaged'],
  'an index.json of missing blobs': [
    (root) => writeFileSync(join(root, 'oci/index.json'), JSON.stringify({ manifests: [{ digest: `sha256:${'0'.repeat(64)}` }] })),
    'layout-incomplete',
  ],
  'an index.json that a killed process has not brought up to date': [
    (root, sql) => {
      sql(DEAD)
      writeFileSync(join(root, 'oci/index.json'), JSON.stringify({ manifests: [{ digest: `sha256:${'0'.repeat(64)}` }] }))
    },
    'layout-incomplete',
    'lease-dead',
  ],
  'a database with garbage in it': [
    (root, sql) => {
      sql('PRAGMA wal_checkpoint(TRUNCATE)')
      writeFileSync(join(root, 'tsbuild.db'), 'garbage '.repeat(1000))
    },
    'database-damaged',
  ],
}

for (const [name, [spoil, ...kinds]] of Object.entries(CASES)) {
  test(`${name}: ${kinds.join(', ') || 'sound'}; what the next process cleans is gone then, the rest is left`, async (t) => {
    const root = await spoiled(t, spoil)
    const before = everything(root)
    assert.deepEqual(await kindsOf(root), kinds)
    assert.deepEqual(everything(root), before, 'nothing is changed')
    if (kinds.includes('database-damaged')) return
    await using store = await openStore(root, native, hostEffects)
    await store.prepare()
    const { findings } = await verifyStore(root, native, hostEffects, signal)
    const swept = findings.filter(({ remedy }) => remedy === 'next-build').map(({ kind }) => kind)
    // These wait for somebody who needs them.
    assert.deepEqual(
      swept.filter((kind) => !['record-lost', 'image-unpacked', 'tree-lost', 'claim-dead', 'cache-use-dead'].includes(kind)),
      [],
    )
  })
}

test('what a living process is at is no finding', async (t) => {
  await using store = await openSample(t)
  store.layers.announce({ id: 'two', delta: KEY, entries: 0, bytes: 0, created: 1 }, store.leases.own().id)
  store.records.claim(`blake3:${'b'.repeat(64)}`)
  store.caches.acquire({ identity: KEY, name: 'c', sharing: 'locked' })
  writeFileSync(join(store.layout.trees, `abc.${process.pid}-1.tmp`), 'x')
  assert.deepEqual(await kindsOf(store.layout.root), [])
})

test('of files that processes of other pid namespaces write only the old ones are taken for left', async (t) => {
  const root = await spoiled(t, (root) => {
    for (const name of ['young', 'old']) writeFileSync(join(root, `trees/${name}.1.${process.pid}-1.tmp`), 'x')
    utimesSync(join(root, `trees/old.1.${process.pid}-1.tmp`), 1, 1)
  })
  const { findings } = await verifyStore(root, native, hostEffects, signal)
  assert.deepEqual(
    findings.map(({ subject }) => subject),
    [`trees/old.1.${process.pid}-1.tmp`],
  )
  await using store = await openStore(root, native, hostEffects)
  await store.prepare()
  assert.deepEqual(
    readdirSync(join(root, 'trees')).filter((name) => name.endsWith('.tmp')),
    [`young.1.${process.pid}-1.tmp`],
  )
})

test('no store is a sound one, and is not made', async (t) => {
  const root = join(mkdtempSync(join(tmpdir(), 'tsbuild-verify-')), 'store')
  t.after(() => rmSync(join(root, '..'), { recursive: true, force: true }))
  assert.deepEqual(await verifyStore(root, native, hostEffects, signal), { findings: [], layers: 0, blobs: 0, trees: 0 })
  assert.deepEqual(readdirSync(join(root, '..')), [])
})

test('a store of an earlier version is read as the next build will, and stays what it is', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'tsbuild-verify-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  await (await openStore(root, native, hostEffects))[Symbol.asyncDispose]()
  const path = join(root, 'tsbuild.db')
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
  const Database = createRequire(import.meta.url)('better-sqlite3')
  const old = new Database(path)
  old.pragma('journal_mode = WAL')
  old.exec(MIGRATIONS[0])
  old.exec("INSERT INTO claims VALUES ('k', 'nobody')")
  old.pragma('user_version = 1')
  old.close()
  const bytes = readFileSync(path)
  assert.deepEqual(await kindsOf(root), ['claim-dead'])
  assert.deepEqual(readFileSync(path), bytes)
})
