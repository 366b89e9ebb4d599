import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, statSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { blake3Digest, type Digest, hexOf } from '../../core/digest.ts'
import { isTsbError } from '../../core/error.ts'
import { hostEffects } from '../../engine/host.ts'
import { loadNative } from '../../native/index.ts'
import { openStore, type Store } from '../../store/store.ts'

async function openTwo(t: TestContext): Promise<readonly [Store, Store]> {
  const root = mkdtempSync(join(tmpdir(), 'tsbuild-pins-'))
  const one = await openStore(root, loadNative(), hostEffects)
  const two = await openStore(root, loadNative(), hostEffects)
  t.after(async () => {
    await one[Symbol.asyncDispose]()
    await two[Symbol.asyncDispose]()
    rmSync(root, { recursive: true, force: true })
  })
  return [one, two]
}

function publish(store: Store, id: string): void {
  mkdirSync(join(store.layout.layers, id, 'diff'), { recursive: true })
  store.layers.announce({ id, delta: blake3Digest(id), entries: 1, bytes: 1, created: 1 }, store.leases.own().id)
  store.layers.publish([id])
}

const pinned = (store: Store, kind: 'layer' | 'blob' | 'tree' | 'image'): readonly string[] => [...(store.pins.living().get(kind) ?? [])]
const isEvicted = (error: unknown): boolean => isTsbError(error) && error.code === 'TSB_STORE_EVICTED'

test('who publishes a layer has it pinned, until the process ends', async (t) => {
  const [one, two] = await openTwo(t)
  publish(one, 'l')
  assert.deepEqual(pinned(two, 'layer'), ['l'])
  one.leases.forget([one.leases.own().id])
  assert.deepEqual(pinned(two, 'layer'), [])
})

test('what has gone cannot be pinned, and then nothing is', async (t) => {
  const [one, two] = await openTwo(t)
  publish(one, 'l')
  const blob = (await one.blobs.write([Buffer.from('b')])).digest
  const absent: Digest = `sha256:${'0'.repeat(64)}`
  assert.throws(() => two.pins.hold({ layers: ['l', 'gone'] }), isEvicted)
  assert.throws(() => two.pins.hold({ layers: ['l'], blobs: [absent] }), isEvicted)
  assert.throws(() => two.pins.hold({ blobs: [blob], trees: [blake3Digest('t')] }), isEvicted)
  assert.throws(() => two.pins.hold({ images: [absent] }), isEvicted)
  const own = new Set(pinned(two, 'layer'))
  one.leases.forget([one.leases.own().id])
  assert.deepEqual([...own], ['l'], 'of the one that made it')
  assert.deepEqual([pinned(two, 'layer'), pinned(two, 'blob')], [[], []])
  two.pins.hold({ layers: ['l'], blobs: [blob] })
  assert.deepEqual([pinned(one, 'layer'), pinned(one, 'blob')], [['l'], [blob]])
})

test('what is pinned already costs no write', async (t) => {
  const [one, two] = await openTwo(t)
  publish(one, 'l')
  two.pins.hold({ layers: ['l'] })
  const wal = (): bigint => statSync(`${two.layout.database}-wal`, { bigint: true }).mtimeNs
  const before = wal()
  two.pins.hold({ layers: ['l'] })
  assert.equal(wal(), before)
})

test('what is expected is pinned with what is held next, as far as it is there', async (t) => {
  const [one, two] = await openTwo(t)
  for (const id of ['a', 'b', 'c']) publish(one, id)
  one.leases.forget([one.leases.own().id])
  two.pins.expect(['a', 'gone', 'b'])
  assert.deepEqual(pinned(one, 'layer'), [])
  two.pins.hold({ layers: ['c'] })
  assert.deepEqual(pinned(one, 'layer').toSorted(), ['a', 'b', 'c'])
})

test('an image is not kept on layers that have gone, nor named', async (t) => {
  const [one] = await openTwo(t)
  const root = { layers: ['gone'], tree: blake3Digest('t') }
  const image = { id: blake3Digest('i'), configBytes: Buffer.from('{}'), root, created: 1 }
  assert.throws(() => one.images.put(image, ['n']), isEvicted)
  assert.equal(one.images.get(image.id), undefined)
  publish(one, 'gone')
  one.images.put(image, ['n'])
  assert.equal(one.images.named('n')?.id, image.id)
})

test('a blob is pinned before it has its name', async (t) => {
  const [one, two] = await openTwo(t)
  const { digest } = await one.blobs.write([Buffer.from('content')])
  assert.deepEqual(pinned(two, 'blob'), [digest])
  unlinkSync(two.blobs.path(digest))
  assert.equal(two.pins.tryHold({ blobs: [digest] }), false)
  assert.ok(hexOf(digest).length === 64)
})

test('the time of the last use is noted in steps of minutes', async (t) => {
  const [one] = await openTwo(t)
  const key = blake3Digest('k')
  one.records.put({ key, kin: key, preimage: '{}', result: '', trees: [], created: 1_000_000, duration: 1 })
  one.leases.own()
  const wal = (): bigint => statSync(`${one.layout.database}-wal`, { bigint: true }).size
  const before = wal()
  one.records.touch([key], 1_060_000)
  assert.equal(wal(), before, 'a minute later nothing is written')
  one.records.touch([key], 5_000_000)
  assert.ok(wal() > before)
  const after = wal()
  one.records.touch([key], 5_060_000)
  assert.equal(wal(), after)
})

test('a record that has lost its result is forgotten, and not the one that somebody has put in its place', async (t) => {
  const [one, two] = await openTwo(t)
  const key = blake3Digest('key')
  const put = (store: Store, result: string): void =>
    store.records.put({ key, kin: key, preimage: '{}', result, trees: [], created: 1, duration: 1 })
  put(one, 'lost')
  put(two, 'new')
  one.records.remove(key, 'lost')
  assert.equal(one.records.find(key), 'new')
  one.records.remove(key, 'new')
  assert.equal(one.records.find(key), undefined)
})
