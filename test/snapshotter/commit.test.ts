import assert from 'node:assert/strict'
import { chmodSync, existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { packingOf } from '../../core/packing.ts'
import { diffIdOf, layerBlob } from '../../snapshotter/blob.ts'
import { commit, type StandIn } from '../../snapshotter/commit.ts'
import { layerPaths } from '../../snapshotter/snapshot.ts'
import { openWorkspace } from '../../snapshotter/workspace.ts'
import { openFixture } from './fixture.ts'

const signal = new AbortController().signal
const skip = process.getuid?.() !== 0 && 'needs root'

test('the upper directory becomes the layer, and times do not count', { skip }, async () => {
  await using fixture = await openFixture()
  const trees = []
  for (const time of [1, 2_000_000_000]) {
    await using workspace = await openWorkspace(fixture)
    writeFileSync(join(workspace.upper, 'file'), 'content')
    utimesSync(join(workspace.upper, 'file'), time, time)
    const committed = await commit(fixture, workspace, undefined, async () => undefined)
    assert.equal(existsSync(workspace.upper), false)
    assert.equal(readFileSync(join(fixture.store.layout.layers, committed.layer, 'diff/file'), 'utf8'), 'content')
    trees.push(committed.snapshot.tree, committed.delta)
  }
  assert.equal(trees[0], trees[2])
  assert.equal(trees[1], trees[3])
})

test('a mode is content', { skip }, async () => {
  await using fixture = await openFixture()
  const trees = []
  for (const mode of [0o644, 0o600]) {
    await using workspace = await openWorkspace(fixture)
    writeFileSync(join(workspace.upper, 'file'), 'content')
    chmodSync(join(workspace.upper, 'file'), mode)
    trees.push((await commit(fixture, workspace, undefined, async () => undefined)).snapshot.tree)
  }
  assert.notEqual(trees[0], trees[1])
})

test('an earlier layer of the same change stands in, and the new one goes', { skip }, async () => {
  await using fixture = await openFixture()
  const make = async (known?: StandIn) => {
    await using workspace = await openWorkspace(fixture)
    writeFileSync(join(workspace.upper, 'file'), 'content')
    return await commit(fixture, workspace, undefined, async () => known)
  }
  const first = await make()
  const second = await make({ layer: first.layer, tree: first.snapshot.tree })
  assert.deepEqual(second, { ...first, isNew: false })
  assert.deepEqual(readdirSync(fixture.store.layout.layers), [first.layer])
})

test('a layer is packed once, its blob has the digest it says, and its diffID is remembered', { skip }, async () => {
  await using fixture = await openFixture()
  await using workspace = await openWorkspace(fixture)
  writeFileSync(join(workspace.upper, 'file'), 'content')
  const { layer } = await commit(fixture, workspace, undefined, async () => undefined)
  const diffId = await diffIdOf(fixture, layer, undefined, signal)
  const gzip = await layerBlob(fixture, layer, packingOf('gzip'), signal)
  assert.deepEqual(await layerBlob(fixture, layer, packingOf('gzip'), signal), gzip)
  const plain = await layerBlob(fixture, layer, packingOf('none'), signal)
  assert.equal(plain.digest, diffId)
  assert.equal(await fixture.store.blobs.size(gzip.digest), gzip.size)
  assert.equal(readdirSync(join(fixture.store.layout.oci, 'blobs/sha256')).length, 2)
})

test('a layer that came with an image is never packed to another diffID', { skip }, async () => {
  await using fixture = await openFixture()
  await using workspace = await openWorkspace(fixture)
  writeFileSync(join(workspace.upper, 'file'), 'content')
  const { layer } = await commit(fixture, workspace, undefined, async () => undefined)
  const diffId = `sha256:${'a'.repeat(64)}` as const
  fixture.store.layers.setDiffId(layer, diffId, 7)
  await assert.rejects(layerBlob(fixture, layer, packingOf('gzip'), signal), { code: 'TSB_LAYER_DIGEST' })
  assert.equal(await diffIdOf(fixture, layer, undefined, signal), diffId)
  assert.deepEqual(readdirSync(join(fixture.store.layout.oci, 'blobs/sha256')), [])
})

test('a layer that stands twice in a root is mounted where it stands topmost', { skip }, async () => {
  await using fixture = await openFixture()
  const ids = []
  for (const content of ['first', 'second']) {
    await using workspace = await openWorkspace(fixture)
    writeFileSync(join(workspace.upper, 'file'), content)
    const { layer, snapshot } = await commit(fixture, workspace, undefined, async () => undefined)
    ids.push({ layer, tree: snapshot.tree })
  }
  const [first, second] = ids
  assert.ok(first && second)
  const layers = layerPaths(fixture.store, { layers: [first.layer, second.layer, first.layer], tree: first.tree })
  const bytes = await fixture.native.readFile({ layers, path: '/file', maxBytes: 100 })
  assert.equal(Buffer.from(bytes ?? '').toString(), 'first')
  assert.equal(layers.length, 2)
})
