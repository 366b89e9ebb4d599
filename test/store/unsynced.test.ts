import assert from 'node:assert/strict'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { blake3Digest, type Digest } from '../../core/digest.ts'
import type { Effects } from '../../core/effects.ts'
import { isTsbError, TsbError } from '../../core/error.ts'
import { startSync } from '../../native/background-sync.ts'
import { openStore, type Store, type StoreNative } from '../../store/store.ts'
import { change, column } from '../engine/power-cut.ts'

const MINUTE = 60_000
/** Far ahead of the files' own times, so that none of them looks young. */
let clock = Date.now() + 60 * MINUTE
const effects: Effects = {
  now: () => clock,
  monotonic: () => 0,
  randomId: () => `id${Math.random().toString(16).slice(2)}`,
  fetch: () => Promise.reject(new Error('no network in this test')),
}

interface FakeNative extends StoreNative {
  /** Directories that were verified. */
  readonly verified: string[]
  /** What ends the syncs that were started. */
  readonly started: (() => void)[]
  synced: number
}

/** Believes every layer whose directory has a file `whole`. */
function fakeNative(more: Partial<StoreNative> = {}): FakeNative {
  const fake: FakeNative = {
    verified: [],
    started: [],
    synced: 0,
    remove: async (paths) => {
      for (const path of paths) rmSync(path, { recursive: true, force: true })
    },
    delta: async (upper) => {
      fake.verified.push(upper)
      return existsSync(join(upper, 'whole')) ? blake3Digest('whole') : blake3Digest('damaged')
    },
    select: async () => assert.fail('no trees in these tests'),
    measure: async () => assert.fail('nobody asks for sizes in these tests'),
    writeLayer: async () => assert.fail('no packed layers in these tests'),
    sync: async () => {
      fake.synced += 1
    },
    startSync: (_path, onDone) => fake.started.push(onDone),
    ...more,
  }
  return fake
}

function temporaryRoot(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), 'tsbuild-unsynced-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  return join(root, 'store')
}

function addLayer(store: Store, id: string): void {
  mkdirSync(join(store.layout.layers, id, 'diff'), { recursive: true })
  writeFileSync(join(store.layout.layers, id, 'diff', 'whole'), '')
  const own = store.leases.own().id
  assert.ok(store.layers.announce({ id, delta: blake3Digest('whole'), entries: 1, bytes: 1, created: clock }, own))
  const record = {
    kin: blake3Digest('op'),
    preimage: '{}',
    trees: [],
    created: clock,
    duration: 1,
    key: keyOf(id),
    result: JSON.stringify({ layer: id }),
  }
  store.publisher.add({ layers: [id], claim: keyOf(id), record })
}

const keyOf = (id: string): Digest => blake3Digest(id)
const notes = (root: string): readonly unknown[] => column(root, "SELECT kind || ' ' || id FROM unsynced ORDER BY number")
const damage = (root: string, id: string): void => rmSync(join(root, 'layers', id, 'diff', 'whole'))

/** A store with layers that the boot `one` published. */
async function storeWith(t: TestContext, ids: readonly string[]): Promise<string> {
  const root = temporaryRoot(t)
  await using store = await openStore(root, fakeNative(), effects, 'one')
  for (const id of ids) addLayer(store, id)
  return root
}

test('layers and blobs are noted, and in their boot nothing is verified, synced or waited for', async (t) => {
  const root = await storeWith(t, ['a'])
  const native = fakeNative()
  await using store = await openStore(root, native, effects, 'one')
  await store.prepare()
  const { digest } = await store.blobs.write([Buffer.from('x')])
  assert.deepEqual(notes(root), ['layer a', `blob ${digest}`])
  assert.deepEqual([native.verified, native.synced, native.started], [[], 0, []])
})

test('notes of a minute ago are settled by a sync in the background; what comes during it stays noted', async (t) => {
  const root = await storeWith(t, ['a'])
  clock += MINUTE + 1
  const native = fakeNative()
  await using store = await openStore(root, native, effects, 'one')
  addLayer(store, 'b')
  await store.prepare()
  assert.equal(native.started.length, 1)
  addLayer(store, 'c')
  assert.deepEqual(notes(root), ['layer a', 'layer b', 'layer c'])
  native.started[0]?.()
  assert.deepEqual(notes(root), ['layer c'])
  await using next = await openStore(root, native, effects, 'two')
  assert.deepEqual(native.verified, [join(next.layout.layers, 'c', 'diff')], 'what was settled is believed')
})

test("the database's log outlives its last process, because emptying it syncs, and is emptied by a settling", async (t) => {
  const root = await storeWith(t, ['a'])
  const database = join(root, 'tsbuild.db')
  /** What stands in the database without its log. */
  const emptied = (): readonly unknown[] => {
    const copy = `${root}-copy`
    mkdirSync(copy, { recursive: true })
    copyFileSync(database, join(copy, 'tsbuild.db'))
    return column(copy, "SELECT name FROM sqlite_master WHERE name = 'layers'").length === 0 ? [] : column(copy, 'SELECT id FROM layers')
  }
  assert.ok(statSync(`${database}-wal`).size > 0)
  assert.deepEqual(emptied(), [])
  clock += MINUTE + 1
  const native = fakeNative()
  await using store = await openStore(root, native, effects, 'one')
  await store.prepare()
  native.started[0]?.()
  assert.deepEqual(emptied(), ['a'])
})

test('a sync that ends after its process has closed the store leaves the notes', async (t) => {
  const root = await storeWith(t, ['a'])
  clock += MINUTE + 1
  const native = fakeNative()
  {
    await using store = await openStore(root, native, effects, 'one')
    await store.prepare()
  }
  native.started[0]?.()
  assert.deepEqual(notes(root), ['layer a'])
})

test('a later boot verifies once, and drops what is damaged with all that names it', async (t) => {
  const root = await storeWith(t, ['whole', 'lost', 'gone'])
  const image = { configBytes: Buffer.from('{}'), created: 1 }
  const [ours, other]: readonly [Digest, Digest] = [`sha256:${'1'.repeat(64)}`, `sha256:${'2'.repeat(64)}`]
  {
    await using store = await openStore(root, fakeNative(), effects, 'one')
    store.images.put({ ...image, id: ours, root: { layers: ['whole', 'lost'], tree: blake3Digest('t') } })
    store.images.put({ ...image, id: other, root: { layers: ['whole'], tree: blake3Digest('t') } })
  }
  damage(root, 'lost')
  rmSync(join(root, 'layers', 'gone'), { recursive: true })
  const native = fakeNative()
  for (let round = 0; round < 2; round += 1) {
    await using store = await openStore(root, native, effects, 'two')
    assert.equal(store.records.find(keyOf('whole')), '{"layer":"whole"}')
    assert.deepEqual([store.records.find(keyOf('lost')), store.records.find(keyOf('gone'))], [undefined, undefined])
    assert.deepEqual([...store.layers.ids()], ['whole'])
    assert.equal(store.images.get(ours)?.root, undefined)
    assert.deepEqual(store.images.get(other)?.root?.layers, ['whole'])
  }
  assert.deepEqual(native.verified.length, 2, 'those that are there, once')
  assert.equal(native.synced, 1)
  assert.deepEqual([readdirSync(join(root, 'layers')), readdirSync(join(root, 'work')), notes(root)], [['whole'], [], []])
})

test('who verifies slowly drops nothing that was made anew meanwhile', async (t) => {
  const root = await storeWith(t, ['base'])
  damage(root, 'base')
  let finish = (): void => undefined
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  const slow = fakeNative({ delta: () => finished.then(() => blake3Digest('damaged')) })
  const late = openStore(root, slow, effects, 'two')
  await using store = await openStore(root, fakeNative(), effects, 'two')
  assert.equal(store.layers.get('base'), undefined)
  addLayer(store, 'base')
  finish()
  await using other = await late
  assert.equal(other.layers.usable(['base'], undefined), true)
  assert.ok(existsSync(join(root, 'layers', 'base', 'diff', 'whole')))
  assert.deepEqual(notes(root), ['layer base'])
})

test('a recovery that did not end is done again, wherever it ended', async (t) => {
  for (const broken of ['remove', 'sync'] as const) {
    const root = await storeWith(t, ['a', 'b'])
    damage(root, 'a')
    const dying = fakeNative({ [broken]: async () => Promise.reject(new Error('killed')) })
    await assert.rejects(openStore(root, dying, effects, 'two'), /killed/)
    await using store = await openStore(root, fakeNative(), effects, 'two')
    await store.prepare()
    assert.deepEqual([...store.layers.ids()], ['b'])
    assert.deepEqual(readdirSync(store.layout.layers), ['b'])
    assert.deepEqual(notes(root), [])
  }
})

test('what the machine had no room to verify is an error, and nothing is dropped for it', async (t) => {
  const root = await storeWith(t, ['a'])
  const refusal = new TsbError('TSB_COMMIT_FAILED', 'cannot open', { fault: 'host', cause: { errno: 24 } })
  const native = fakeNative({ delta: () => Promise.reject(refusal) })
  await assert.rejects(openStore(root, native, effects, 'two'), (error) => isTsbError(error) && error.code === 'TSB_COMMIT_FAILED')
  await using store = await openStore(root, fakeNative(), effects, 'two')
  assert.deepEqual([...store.layers.ids()], ['a'])
})

test('ten thousand notes are no burden: neither to see that all is well, nor to settle', async (t) => {
  const root = await storeWith(t, [])
  change(
    root,
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
     INSERT INTO unsynced (boot, kind, id, created) SELECT 'one', 'layer', 'l' || i, ${clock} FROM n`,
  )
  const timed = async (work: () => Promise<void>): Promise<number> => {
    const began = performance.now()
    await work()
    return performance.now() - began
  }
  const look = (): Promise<void> =>
    timed(async () => (await openStore(root, fakeNative(), effects, 'one'))[Symbol.asyncDispose]()).then((took) =>
      assert.ok(took < 50, `${took} ms to open and close`),
    )
  await look()
  clock += MINUTE + 1
  const native = fakeNative()
  await using store = await openStore(root, native, effects, 'one')
  await store.prepare()
  const took = await timed(async () => native.started[0]?.())
  assert.ok(took < 200, `${took} ms to settle`)
  assert.deepEqual(notes(root), [])
})

test('a background sync keeps no process alive, and tells of its end', async () => {
  const done = new Promise<void>((resolve) => startSync(tmpdir(), resolve))
  assert.equal(process.getActiveResourcesInfo().includes('ProcessWrap'), false)
  const keepAlive = setInterval(() => undefined, 1_000)
  await done
  clearInterval(keepAlive)
})
