import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, linkSync, mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { blake3Digest, hexOf } from '../../../core/digest.ts'
import { keyOfStep, layerOfStep, record, stock, treeOfStep, unpin } from './stocked.ts'

const DAY = 24 * 60 * 60_000

test('the accounts are what the disk has: many tiny files, hard links, holes', async (t) => {
  const store = await stock(t).open()
  record(store, 1, { name: 'a', bytes: 300_000 })
  const diff = join(store.layout.layers, layerOfStep('a'), 'diff')
  mkdirSync(join(diff, 'tiny'))
  for (let number = 0; number < 1500; number++) writeFileSync(join(diff, 'tiny', String(number)), 'x')
  for (let number = 0; number < 50; number++) linkSync(join(diff, 'f'), join(diff, `link${number}`))
  writeFileSync(join(diff, 'holes'), 'x')
  truncateSync(join(diff, 'holes'), 1 << 30)
  record(store, 2, { name: 'b', bytes: 50 })
  await store.blobs.write([Buffer.alloc(200_000, 1)])
  const { usage, kept } = await (await store.collector()).account()
  const real = Number(execFileSync('du', ['-s', '--block-size=1', store.layout.root], { encoding: 'utf8' }).split('\t')[0])
  assert.ok(Math.abs(usage.total - real) <= real / 100, `${usage.total} where du says ${real}`)
  assert.equal(
    kept.reduce((sum, { bytes }) => sum + bytes, 0),
    usage.total,
  )
})

test('what saves the least time for its bytes goes first, and no more than has to', async (t) => {
  const { clock, open } = stock(t)
  const [store, other] = [await open(), await open()]
  for (const [name, bytes, duration] of [
    ['cheap', 1_000_000, 100],
    ['dear', 1_000_000, 60_000],
    ['large', 5_000_000, 10_000],
  ] as const)
    record(store, clock.now, { name, bytes, duration })
  unpin(store)
  const collector = await other.collector()
  const { total } = await collector.usage()
  const { gone, bytes } = await collector.collect({ all: true, bytes: 1_000_001 })
  assert.deepEqual(
    gone.map(({ id }) => id),
    [keyOfStep('cheap')],
  )
  assert.ok(bytes >= 1_000_001)
  assert.ok((await collector.usage()).total <= total - bytes + 100_000)
  assert.deepEqual(readdirSync(other.layout.layers).sort(), [layerOfStep('dear'), layerOfStep('large')])
  assert.equal(other.tombstones.find(keyOfStep('cheap'))?.evicted, clock.now)
  assert.equal(other.records.find(keyOfStep('cheap')), undefined)
  const next = await collector.collect({ all: true, bytes: 1 })
  assert.deepEqual(
    next.gone.map(({ id }) => id),
    [keyOfStep('large')],
  )
})

test('a day without use halves the worth', async (t) => {
  const { clock, open } = stock(t)
  const [store, other] = [await open(), await open()]
  record(store, clock.now, { name: 'old', duration: 3000 })
  clock.now += 2 * DAY
  record(store, clock.now, { name: 'new', duration: 1000 })
  unpin(store)
  const collector = await other.collector()
  const first = async (): Promise<string | undefined> => (await collector.collect({ all: true, bytes: 1, dryRun: true })).gone[0]?.id
  assert.equal(await first(), keyOfStep('old'))
  other.records.touch([keyOfStep('old')], clock.now)
  assert.equal(await first(), keyOfStep('new'))
})

test('leaves first, whatever they are worth', async (t) => {
  const { clock, open } = stock(t)
  const [store, other] = [await open(), await open()]
  record(store, clock.now, { name: 'base', duration: 1 })
  record(store, clock.now + 1, { name: 'middle', on: 'base', duration: 2 })
  record(store, clock.now + 2, { name: 'leaf', on: 'middle', duration: 1_000_000 })
  unpin(store)
  const { gone } = await (await other.collector()).collect({ all: true, dryRun: true })
  assert.deepEqual(
    gone.map(({ id }) => id),
    ['leaf', 'middle', 'base'].map(keyOfStep),
  )
})

test('nothing goes that is pinned, named, or not published', async (t) => {
  const { clock, open } = stock(t)
  const [store, other] = [await open(), await open()]
  for (const name of ['pinned', 'named', 'free']) record(store, clock.now, { name })
  const root = { layers: [layerOfStep('named')], tree: treeOfStep('named') }
  store.images.put({ id: blake3Digest('i'), configBytes: Buffer.from('{}'), root, created: 1 }, ['docker.io/library/app:latest'])
  unpin(store)
  const third = await open()
  third.pins.hold({ layers: [layerOfStep('pinned')] })
  third.layers.announce({ id: 'unfinished', delta: blake3Digest('u'), entries: 0, bytes: 0, created: 1 }, third.leases.own().id)
  mkdirSync(join(third.layout.layers, 'unfinished', 'diff'), { recursive: true })
  const collector = await other.collector()
  const { gone } = await collector.collect({ all: true, bytes: Number.POSITIVE_INFINITY })
  assert.deepEqual(
    gone.map(({ id }) => id),
    [keyOfStep('free')],
  )
  assert.deepEqual(readdirSync(other.layout.layers).sort(), [layerOfStep('named'), layerOfStep('pinned'), 'unfinished'])
  const all = await collector.collect({ all: true })
  assert.deepEqual(
    all.gone.map(({ id }) => id),
    [keyOfStep('named')],
    'without a goal what is known of the steps of an image goes, too, and its layers stay',
  )
  assert.deepEqual(readdirSync(other.layout.layers).sort(), [layerOfStep('named'), layerOfStep('pinned'), 'unfinished'])
})

test('a layer goes with the last that names it, and an image without a name is known by its documents then', async (t) => {
  const { clock, open } = stock(t)
  const [store, other] = [await open(), await open()]
  record(store, clock.now, { name: 'one', duration: 1 })
  record(store, clock.now, { name: 'two', layer: layerOfStep('one'), duration: 5000 })
  const root = { layers: [layerOfStep('one')], tree: treeOfStep('one') }
  const image = { configBytes: Buffer.from('{}'), root, created: 1 }
  store.images.put({ ...image, id: blake3Digest('bare') })
  store.images.put({ ...image, id: blake3Digest('pulled'), manifestBytes: Buffer.from('{"layers":[]}'), reference: 'r' })
  unpin(store)
  const collector = await other.collector()
  const matches = ({ id }: { readonly id: string }): boolean => id === keyOfStep('one')
  assert.ok((await collector.collect({ all: true, matches })).bytes < 5000)
  assert.ok(existsSync(join(other.layout.layers, layerOfStep('one'))))
  await collector.collect({ all: true, matches: ({ type }) => type === 'regular' })
  assert.deepEqual(readdirSync(other.layout.layers), [])
  assert.equal(other.images.get(blake3Digest('bare')), undefined)
  assert.equal(other.images.get(blake3Digest('pulled'))?.root, undefined)
})

test('blobs that nobody else has stay with their image', async (t) => {
  const { open } = stock(t)
  const [store, other] = [await open(), await open()]
  const write = async (text: string): Promise<{ digest: string; size: number }> => store.blobs.write([Buffer.alloc(9000, text)])
  const [kept, fetchable, free] = [await write('kept'), await write('fetchable'), await write('free')]
  const manifestOf = (layer: object): Buffer =>
    Buffer.from(JSON.stringify({ config: { digest: blake3Digest('no blob') }, layers: [layer] }))
  const image = { configBytes: Buffer.from('{}'), created: 1 }
  store.images.put({ ...image, id: blake3Digest('local'), manifestBytes: manifestOf(kept) }, ['a'])
  store.images.put({ ...image, id: blake3Digest('remote'), manifestBytes: manifestOf(fetchable), reference: 'r' }, ['b'])
  unpin(store)
  const names = (): readonly string[] => readdirSync(join(other.layout.oci, 'blobs', 'sha256')).map((name) => `sha256:${name}`)
  const collector = await other.collector()
  await collector.collect({ all: false })
  assert.deepEqual(new Set(names()), new Set([kept.digest, fetchable.digest]))
  assert.ok(!names().includes(free.digest))
  await collector.collect({ all: true, bytes: 1 })
  assert.deepEqual(names(), [kept.digest])
})

test('an index that nothing names goes after a while, one that is named or new stays', async (t) => {
  const { clock, open } = stock(t)
  const [store, other] = [await open(), await open()]
  record(store, clock.now, { name: 'stays' })
  unpin(store)
  const tree = (name: string): string => join(other.layout.trees, hexOf(treeOfStep(name)))
  writeFileSync(tree('stray'), 'index')
  const real = Date.now()
  clock.now = real
  const collector = await other.collector()
  await collector.collect({ all: false, matches: () => false })
  assert.ok(existsSync(tree('stray')))
  clock.now = real + 11 * 60_000
  await collector.collect({ all: false, matches: () => false })
  assert.deepEqual([existsSync(tree('stray')), existsSync(tree('stays'))], [false, true])
})

test('a cache that is mounted stays', async (t) => {
  const { open } = stock(t)
  const [store, other] = [await open(), await open()]
  const use = store.caches.acquire({ identity: blake3Digest('c'), name: 'npm', sharing: 'shared' })
  assert.notEqual(use, 'busy')
  if (use === 'busy') return
  mkdirSync(join(use.directory, 'content'), { recursive: true })
  writeFileSync(join(use.directory, 'content', 'f'), Buffer.alloc(100_000))
  store.caches.publish(use)
  const collector = await other.collector()
  assert.equal((await collector.collect({ all: true })).gone.length, 0)
  store.caches.release(use)
  const { gone, bytes } = await collector.collect({ all: true })
  assert.deepEqual([gone[0]?.type, bytes > 100_000, existsSync(use.directory)], ['exec.cachemount', true, false])
})

test('a dry run changes nothing', async (t) => {
  const { clock, open } = stock(t)
  const [store, other] = [await open(), await open()]
  record(store, clock.now, { name: 'a' })
  unpin(store)
  const { gone, bytes } = await (await other.collector()).collect({ all: true, dryRun: true })
  assert.deepEqual([gone.length, bytes > 10_000], [1, true])
  assert.notEqual(other.records.find(keyOfStep('a')), undefined)
  assert.equal(other.tombstones.find(keyOfStep('a')), undefined)
})

test('there is an end of tombstones', async (t) => {
  const { clock, open } = stock(t)
  const store = await open()
  const put = (name: string, evicted: number): void => store.tombstones.put({ key: keyOfStep(name), preimage: '{}', trees: [], evicted })
  put('old', clock.now - 40 * DAY)
  for (let number = 0; number < 2100; number++) put(String(number), clock.now - 3000 + number)
  store.tombstones.bound(clock.now)
  const left = ['old', '0', '99', '100', '2099'].map((name) => store.tombstones.find(keyOfStep(name)) !== undefined)
  assert.deepEqual(left, [false, false, false, true, true])
})
