import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { blake3Digest, type Digest } from '../../core/digest.ts'
import type { Effects } from '../../core/effects.ts'
import { isTsbError } from '../../core/error.ts'
import type { StoredRecord } from '../../store/records.ts'
import { openStore, type Store, type StoreNative } from '../../store/store.ts'

let counter = 0
const effects: Effects = {
  now: () => 1_000 + counter,
  monotonic: () => counter,
  randomId: () => `id${process.pid}x${counter++}`,
  fetch: () => Promise.reject(new Error('no network in this test')),
}
const unexpected = async (): Promise<never> => assert.fail('nothing is verified or synced in the boot that wrote it')
const native: StoreNative = {
  remove: async (paths) => {
    for (const path of paths) rmSync(path, { recursive: true, force: true })
  },
  delta: unexpected,
  measure: unexpected,
  select: unexpected,
  writeLayer: unexpected,
  sync: unexpected,
  startSync: () => assert.fail('nothing is a minute old'),
}

function temporaryRoot(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), 'tsbuild-store-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  return join(root, 'store')
}

function recordOf(key: Digest, layer: string): StoredRecord {
  return { key, kin: blake3Digest('op'), preimage: '{}', trees: [], result: layer, delta: blake3Digest(layer), created: 1, duration: 1 }
}

function announce(store: Store, id: string): void {
  mkdirSync(join(store.layout.layers, id, 'diff'), { recursive: true })
  store.layers.announce({ id, delta: blake3Digest(id), entries: 1, bytes: 1, created: 1 }, store.leases.own().id)
}

test("the database, with everybody's build arguments in it, is its owner's alone", async (t) => {
  const root = temporaryRoot(t)
  await using store = await openStore(root, native, effects)
  await store.prepare()
  store.images.name('a', blake3Digest('x'))
  const modes = readdirSync(root)
    .filter((name) => name.startsWith('tsbuild.db'))
    .map((name) => `${name} ${(statSync(join(root, name)).mode & 0o777).toString(8)}`)
  assert.deepEqual(modes, ['tsbuild.db 600', 'tsbuild.db-shm 600', 'tsbuild.db-wal 600'])
})

test('a layer and the record that names it are seen by others at once and together, without a sync', async (t) => {
  const root = temporaryRoot(t)
  await using store = await openStore(root, native, effects)
  await using other = await openStore(root, native, effects)
  await store.prepare()
  announce(store, 'layer1')
  assert.equal(other.layers.usable(['layer1'], undefined), false)
  assert.equal(store.layers.usable(['layer1'], store.leases.own().id), true)
  const key = blake3Digest('k')
  assert.equal(store.records.claim(key), true)
  store.publisher.add({ layers: ['layer1'], record: recordOf(key, 'layer1'), claim: key })
  assert.equal(other.records.find(key), 'layer1')
  assert.equal(other.layers.usable(['layer1'], undefined), true)
  assert.equal(other.records.claim(key), true, 'the claim is given back')
})

test('an id of a layer is given once', async (t) => {
  const root = temporaryRoot(t)
  await using store = await openStore(root, native, effects)
  await using other = await openStore(root, native, effects)
  const row = { id: 'chain', delta: blake3Digest('d'), entries: 0, bytes: 0, created: 0 }
  assert.equal(store.layers.announce(row, store.leases.own().id), true)
  assert.equal(other.layers.announce(row, other.leases.own().id), false)
  assert.equal(store.layers.usable(['chain'], store.leases.own().id), true)
})

test('one process at a time claims a key', async (t) => {
  const root = temporaryRoot(t)
  await using store = await openStore(root, native, effects)
  await using other = await openStore(root, native, effects)
  const key = blake3Digest('key')
  assert.equal(store.records.claim(key), true)
  assert.equal(other.records.claim(key), false)
  store.records.release(key)
  assert.equal(other.records.claim(key), true)
})

/** A process that announced the layer `abandoned`, claimed a key, and was killed. */
function killProcessOn(root: string): void {
  const script = `
    import { openStore } from ${JSON.stringify(new URL('../../store/store.js', import.meta.url).href)}
    import { mkdirSync, writeFileSync } from 'node:fs'
    const effects = { now: () => Date.now(), monotonic: () => 0, randomId: () => 'dead' + Math.random().toString(16).slice(2), fetch }
    const store = await openStore(process.argv[1], { remove: async () => {}, sync: async () => {} }, effects)
    const lease = store.leases.own()
    mkdirSync(store.layout.layers + '/abandoned/diff', { recursive: true })
    store.layers.announce({ id: 'abandoned', delta: 'blake3:0', entries: 0, bytes: 0, created: 0 }, lease.id)
    store.records.claim(${JSON.stringify(blake3Digest('claimed'))})
    writeFileSync(lease.directory + '/half-written', 'x')
    writeFileSync(store.layout.trees + '/abc.' + process.pid + '-1.tmp', 'x')
    process.kill(process.pid, 'SIGKILL')`
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script, root], { encoding: 'utf8' })
  assert.equal(child.signal, 'SIGKILL', child.stderr)
}

test('what a killed process left is removed by the next, and its claims are taken over', async (t) => {
  const root = temporaryRoot(t)
  killProcessOn(root)
  await using store = await openStore(root, native, effects)
  assert.equal(existsSync(join(store.layout.layers, 'abandoned')), true)
  mkdirSync(join(store.layout.layers, 'stray'))
  const living = `abc.${process.pid}-1.tmp`
  writeFileSync(join(store.layout.trees, living), 'x')
  await store.prepare()
  assert.deepEqual(readdirSync(store.layout.layers), [])
  assert.deepEqual(readdirSync(store.layout.work), [store.leases.own().id])
  assert.deepEqual(readdirSync(store.leases.own().directory), [])
  assert.deepEqual(readdirSync(store.layout.trees), [living])
  assert.equal(store.layers.get('abandoned'), undefined)
  assert.equal(store.records.claim(blake3Digest('claimed')), true)
})

test('a slow sweep spares what another process has put under the same name since', async (t) => {
  const root = temporaryRoot(t)
  killProcessOn(root)
  await using other = await openStore(root, native, effects)
  const remove = async (paths: readonly string[]): Promise<void> => {
    if (other.layers.get('abandoned') === undefined) announce(other, 'abandoned')
    await native.remove(paths)
  }
  await using store = await openStore(root, { ...native, remove }, effects)
  await store.prepare()
  assert.equal(other.layers.usable(['abandoned'], other.leases.own().id), true)
  assert.equal(existsSync(join(other.layout.layers, 'abandoned', 'diff')), true)
})

test('closing leaves no lease, no work directory and no unpublished layer', async (t) => {
  const root = temporaryRoot(t)
  const store = await openStore(root, native, effects)
  await store.prepare()
  announce(store, 'unfinished')
  await store[Symbol.asyncDispose]()
  assert.deepEqual(readdirSync(join(root, 'work')), [])
  assert.deepEqual(readdirSync(join(root, 'layers')), [])
})

test('a blob is stored under its digest, and a wrong one leaves nothing', async (t) => {
  await using store = await openStore(temporaryRoot(t), native, effects)
  const written = await store.blobs.write([Buffer.from('hello '), Buffer.from('world')])
  assert.equal(written.digest, 'sha256:b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9')
  assert.equal(written.size, 11)
  assert.equal(readFileSync(store.blobs.path(written.digest), 'utf8'), 'hello world')
  const wrong: Digest = `sha256:${'0'.repeat(64)}`
  await assert.rejects(store.blobs.write([Buffer.from('x')], wrong), (error) => isTsbError(error) && error.code === 'TSB_BLOB_DIGEST')
  assert.equal(store.blobs.has(wrong), false)
  assert.deepEqual(readdirSync(store.leases.own().directory), [])
})

test('a name belongs to the image that took it last', async (t) => {
  await using store = await openStore(temporaryRoot(t), native, effects)
  const config = (n: number): Uint8Array => Buffer.from(JSON.stringify({ n }))
  const [first, second]: [Digest, Digest] = [`sha256:${'1'.repeat(64)}`, `sha256:${'2'.repeat(64)}`]
  store.images.put({ id: first, configBytes: config(1), created: 1 })
  store.images.put({ id: second, configBytes: config(2), created: 2 })
  store.images.name('docker.io/library/app:latest', first)
  store.images.name('docker.io/library/app:latest', second)
  assert.equal(store.images.named('docker.io/library/app:latest')?.id, second)
  assert.deepEqual(
    store.images.list().map((image) => image.id),
    [second],
  )
})

test('an image that is known already costs no write', async (t) => {
  const root = temporaryRoot(t)
  const image = { id: blake3Digest('i'), configBytes: Buffer.from('{}'), manifestBytes: Buffer.from('{}'), created: 1 }
  const snapshot = { layers: ['l'], tree: blake3Digest('t') }
  const keep = async (added: object): Promise<bigint> => {
    const store = await openStore(root, native, effects)
    store.images.put({ ...image, ...added })
    store.images.name('n', image.id)
    await store[Symbol.asyncDispose]()
    return statSync(join(root, 'tsbuild.db-wal'), { bigint: true }).mtimeNs
  }
  const first = await keep({})
  assert.equal(await keep({ created: 2 }), first)
  await using other = await openStore(root, native, effects)
  announce(other, 'l')
  other.layers.publish(['l'])
  const second = await keep({ root: snapshot })
  assert.notEqual(second, first)
  assert.equal(await keep({ root: snapshot }), second)
  await using store = await openStore(root, native, effects)
  assert.deepEqual(store.images.named('n'), { ...image, root: snapshot })
})

test('a store of a newer program is refused and left as it is', async (t) => {
  const root = temporaryRoot(t)
  await (await openStore(root, native, effects))[Symbol.asyncDispose]()
  const Database = createRequire(import.meta.url)('better-sqlite3')
  const database = new Database(join(root, 'tsbuild.db'))
  database.pragma('user_version = 999')
  database.close()
  await assert.rejects(
    openStore(root, native, effects),
    (error) => isTsbError(error) && error.code === 'TSB_STORE_NEWER' && error.fault === 'host',
  )
})
