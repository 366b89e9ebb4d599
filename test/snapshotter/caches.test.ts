import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { blake3Digest } from '../../core/digest.ts'
import type { Effects } from '../../core/effects.ts'
import type { CacheSharing } from '../../core/mount.ts'
import { loadNative } from '../../native/index.ts'
import { CONTENT, type OpenCache, openCache } from '../../snapshotter/caches.ts'
import type { SnapshotterContext } from '../../snapshotter/snapshot.ts'
import { openStore } from '../../store/store.ts'

let counter = 0
const effects: Effects = {
  now: () => counter++,
  monotonic: () => counter,
  randomId: () => `id${process.pid}x${counter++}`,
  fetch: () => Promise.reject(new Error('no network in this test')),
}
const never = new AbortController().signal
const native = loadNative()

/** Two processes' views of one store, as far as one process can have them. */
async function openTwo(t: TestContext): Promise<readonly [SnapshotterContext, SnapshotterContext]> {
  const root = mkdtempSync(join(tmpdir(), 'tsbuild-caches-'))
  const one = await openStore(root, native, effects)
  const two = await openStore(root, native, effects)
  t.after(async () => {
    await one[Symbol.asyncDispose]()
    await two[Symbol.asyncDispose]()
    rmSync(root, { recursive: true, force: true })
  })
  return [
    { store: one, native, effects },
    { store: two, native, effects },
  ]
}

function open(
  context: SnapshotterContext,
  sharing: CacheSharing,
  { name = 'c', seed = 'seed', signal = never, delay = 0 }: { name?: string; seed?: string; signal?: AbortSignal; delay?: number } = {},
): Promise<OpenCache> {
  const make = async (directory: string): Promise<void> => {
    await sleep(delay)
    if (seed === 'fails') throw new Error('no seed')
    mkdirSync(join(directory, CONTENT))
    writeFileSync(join(directory, CONTENT, seed), '')
  }
  return openCache(context, { identity: blake3Digest(`${name} ${seed}`), name, sharing }, make, signal)
}

const close = (cache: OpenCache): Promise<void> => Promise.resolve(cache[Symbol.asyncDispose]())

test('a cache is made once and found again', async (t) => {
  const [one, two] = await openTwo(t)
  const first = await open(one, 'shared')
  assert.deepEqual(readdirSync(first.path), ['seed'])
  writeFileSync(join(first.path, 'kept'), '')
  await close(first)
  const again = await open(two, 'locked')
  assert.equal(again.path, first.path)
  assert.deepEqual(readdirSync(again.path), ['kept', 'seed'])
  await close(again)
  const other = await open(one, 'shared', { seed: 'another' })
  assert.notEqual(other.path, first.path)
  await close(other)
})

test('who shares it has it side by side, also while one of them makes it', async (t) => {
  const [one, two] = await openTwo(t)
  const caches = await Promise.all([open(one, 'shared', { delay: 100 }), open(two, 'shared'), open(one, 'shared')])
  assert.equal(new Set(caches.map(({ path }) => path)).size, 1)
  const alone = await open(two, 'private')
  assert.notEqual(alone.path, caches[0]?.path)
  // The one that is in use by others that share comes before one that would be free.
  await close(alone)
  const fourth = await open(two, 'shared')
  assert.equal(fourth.path, caches[0]?.path)
  for (const cache of [...caches, fourth]) await close(cache)
})

test('who wants it locked waits, who wants it private or shared does not', async (t) => {
  const [one, two] = await openTwo(t)
  const held = await open(one, 'locked')
  let waited = false
  const waiting = open(two, 'locked').then((cache) => {
    waited = true
    return cache
  })
  const others = [await open(two, 'private'), await open(two, 'shared')]
  assert.equal(new Set([held, ...others].map(({ path }) => path)).size, 3)
  await sleep(150)
  assert.equal(waited, false)
  await close(held)
  assert.equal((await waiting).path, held.path)
  for (const cache of [...others, await waiting]) await close(cache)
})

test('waiting can be given up', async (t) => {
  const [one, two] = await openTwo(t)
  const held = await open(one, 'locked')
  await assert.rejects(open(two, 'locked', { signal: AbortSignal.timeout(100) }), { code: 'TSB_INTERRUPTED' })
  await close(held)
  await close(await open(two, 'locked'))
})

test('one that could not be made is not there', async (t) => {
  const [one, two] = await openTwo(t)
  await assert.rejects(open(one, 'locked', { seed: 'fails' }), /no seed/)
  await assert.rejects(open(two, 'locked', { seed: 'fails' }), /no seed/)
  assert.ok(!existsSync(one.store.layout.caches))
  assert.deepEqual(readdirSync(one.store.leases.own().directory), [])
})

test('pruned caches are new the next time, and those in use stay for who uses them', async (t) => {
  const [one, two] = await openTwo(t)
  const used = await open(one, 'shared')
  const free = await open(one, 'shared', { seed: 'other' })
  const kept = await open(one, 'shared', { name: 'kept' })
  await close(free)
  await close(kept)
  assert.deepEqual(two.store.caches.prune(['c', 'nope']), [dirname(free.path)])
  await native.remove([dirname(free.path)])
  const next = await open(two, 'shared')
  assert.notEqual(next.path, used.path)
  assert.ok(existsSync(used.path))
  await close(used)
  assert.ok(!existsSync(dirname(used.path)))
  await close(next)
  const found = await open(two, 'shared', { name: 'kept' })
  assert.equal(found.path, kept.path)
  await close(found)
})

test('what a dead process had and made is free', async (t) => {
  const [one, two] = await openTwo(t)
  const held = await open(one, 'locked')
  await close(held)
  const { pid } = spawnSync('true')
  const database = new (createRequire(import.meta.url)('better-sqlite3'))(one.store.layout.database)
  const boot = database.prepare('SELECT boot FROM leases').pluck().get()
  database
    .prepare("INSERT INTO leases VALUES ('dead', ?, '1', ?, ?, 0)")
    .run(pid, boot, database.prepare('SELECT pid_namespace FROM leases').pluck().get())
  const id = database.prepare('SELECT id FROM caches').pluck().get()
  database.prepare("INSERT INTO cache_uses VALUES ('use', ?, 'dead', 1)").run(id)
  database
    .prepare("INSERT INTO caches (id, identity, name, lease, created, used) VALUES ('half', ?, 'half', 'dead', 0, 0)")
    .run(blake3Digest('half seed'))
  database.prepare("INSERT INTO cache_uses VALUES ('maker', 'half', 'dead', 1)").run()
  database.prepare("INSERT INTO caches (id, identity, name, lease, created, used) VALUES ('pruned', NULL, 'pruned', NULL, 0, 0)").run()
  for (const name of ['half', 'pruned', 'stray']) mkdirSync(join(one.store.layout.caches, name))
  const again = await open(two, 'locked')
  assert.equal(again.path, held.path)
  await close(again)
  await close(await open(two, 'locked', { name: 'half' }))

  const three = await openStore(one.store.layout.root, native, effects)
  await three.prepare()
  const names = database.prepare('SELECT name FROM caches ORDER BY name').pluck().all()
  assert.deepEqual(names, ['c', 'half'])
  assert.equal(readdirSync(one.store.layout.caches).length, 2)
  assert.deepEqual(database.prepare('SELECT id FROM cache_uses').pluck().all(), [])
  database.close()
  await three[Symbol.asyncDispose]()
})

test('one whose directory is gone is made again', async (t) => {
  const [one] = await openTwo(t)
  const first = await open(one, 'locked')
  await close(first)
  rmSync(dirname(first.path), { recursive: true })
  const second = await open(one, 'locked')
  assert.deepEqual(readdirSync(second.path), ['seed'])
  await close(second)
})
