import assert from 'node:assert/strict'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { hexOf } from '../../core/digest.ts'
import { isTsbError } from '../../core/error.ts'
import { layerPaths, type Snapshot } from '../../snapshotter/snapshot.ts'
import { emptyTree, unpack } from '../../snapshotter/unpack.ts'
import { layerPath } from '../../store/layout.ts'
import { craftedLayer, type Fixture, layerOf, openFixture } from './fixture.ts'

const signal = new AbortController().signal
const skip = process.getuid?.() !== 0 && 'needs root'

async function fileIn(fixture: Fixture, snapshot: Snapshot, path: string): Promise<string | null> {
  const bytes = await fixture.native.readFile({ layers: layerPaths(fixture.store, snapshot), path, maxBytes: 1000 })
  return bytes === null ? null : Buffer.from(bytes).toString()
}

test('layers unpack in order, whiteouts hide, and the same chain is not unpacked again', { skip }, async () => {
  await using fixture = await openFixture()
  const base = await layerOf(fixture, 'base', 'mkdir d; echo one > d/a; echo two > d/b')
  const over = await layerOf(fixture, 'over', 'mkdir d; : > d/.wh.a; echo three > d/c')
  const first = await unpack(fixture, [base, over], signal)
  assert.equal(first.newLayers.length, 2)
  assert.deepEqual(await Promise.all(['/d/a', '/d/b', '/d/c'].map((path) => fileIn(fixture, first.snapshot, path))), [
    null,
    'two\n',
    'three\n',
  ])
  fixture.store.layers.publish(first.newLayers)
  const again = await unpack(fixture, [base, over], signal)
  assert.deepEqual(again, { snapshot: first.snapshot, newLayers: [] })
  assert.deepEqual([base.fetched, over.fetched], [1, 1])
})

test('an image that shares the lower layers fetches only what is new', { skip }, async () => {
  await using fixture = await openFixture()
  const base = await layerOf(fixture, 'base', 'echo base > base')
  const [left, right] = [await layerOf(fixture, 'left', 'echo l > left'), await layerOf(fixture, 'right', 'echo r > right')]
  const first = await unpack(fixture, [base, left], signal)
  fixture.store.layers.publish(first.newLayers)
  const second = await unpack(fixture, [base, right], signal)
  assert.equal(base.fetched, 1)
  assert.equal(second.newLayers.length, 1)
  assert.equal(await fileIn(fixture, second.snapshot, '/base'), 'base\n')
  assert.equal(await fileIn(fixture, second.snapshot, '/left'), null)
})

test('the tree of shared lower layers is remembered, and made again where its index is gone', { skip }, async () => {
  await using fixture = await openFixture()
  const base = await layerOf(fixture, 'base', 'mkdir d; echo base > d/base')
  const [left, right] = [await layerOf(fixture, 'left', 'echo l > left'), await layerOf(fixture, 'right', 'echo r > right')]
  const walked: string[] = []
  const commit: typeof fixture.native.commit = (request, signal) => {
    if (request.delta === undefined) walked.push(request.upper)
    return fixture.native.commit(request, signal)
  }
  const context = { ...fixture, native: { ...fixture.native, commit } }
  const below = await unpack(context, [base], signal)
  fixture.store.layers.publish((await unpack(context, [base, left], signal)).newLayers)
  fixture.store.layers.publish(below.newLayers)
  const second = await unpack(context, [base, right], signal)
  assert.deepEqual(walked, [])
  rmSync(join(fixture.store.layout.trees, hexOf(below.snapshot.tree)))
  const again = await unpack(context, [base], signal)
  assert.deepEqual(again.snapshot, below.snapshot)
  assert.equal(walked.length, 1)
  const whole = await fixture.native.commit({
    upper: layerPath(fixture.store.layout, second.snapshot.layers[1] ?? ''),
    treesDirectory: fixture.store.layout.trees,
    parent: below.snapshot.tree,
  })
  assert.equal(second.snapshot.tree, whole.tree)
})

test('a hard link to a file of a lower layer has that file', { skip }, async () => {
  await using fixture = await openFixture()
  const base = await layerOf(fixture, 'base', 'echo content > original')
  const over = await craftedLayer(fixture, 'over', "entry('linked', type=tarfile.LNKTYPE, linkname='original')")
  const { snapshot } = await unpack(fixture, [base, over], signal)
  assert.equal(await fileIn(fixture, snapshot, '/linked'), 'content\n')
})

test('directories that a layer leaves unsaid keep what they are below', { skip }, async () => {
  await using fixture = await openFixture()
  const base = await craftedLayer(fixture, 'base', "entry('d', type=tarfile.DIRTYPE, mode=0o1770, uid=7, gid=8)")
  const over = await craftedLayer(fixture, 'over', "entry('d/file', mode=0o600)")
  const { snapshot } = await unpack(fixture, [base, over], signal)
  const selected = await fixture.native.select({ treesDirectory: fixture.store.layout.trees, tree: snapshot.tree, paths: ['/d'] })
  assert.equal((selected.entries[0]?.mode ?? 0) & 0o7777, 0o1770)
})

test('a tar that is not what the image says is refused and leaves nothing', { skip }, async () => {
  await using fixture = await openFixture()
  const honest = await layerOf(fixture, 'honest', 'echo x > x')
  const lying = { ...honest, diffId: `sha256:${'0'.repeat(64)}` as const }
  await assert.rejects(unpack(fixture, [lying], signal), (error) => isTsbError(error) && error.code === 'TSB_LAYER_DIGEST')
  assert.deepEqual(readdirSync(fixture.store.layout.layers), [])
})

test('no layers are an empty root', { skip }, async () => {
  await using fixture = await openFixture()
  const { snapshot } = await unpack(fixture, [], signal)
  assert.deepEqual(snapshot, { layers: [], tree: await emptyTree(fixture) })
})
