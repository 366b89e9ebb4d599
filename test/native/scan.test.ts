import assert from 'node:assert/strict'
import { readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { loadNative } from '../../native/index.ts'
import { loadAddon } from '../../native/load.ts'
import type { IgnoreRule } from '../../native/types.ts'
import { failsWith, OLD, type Stage, stageFor } from './stage.ts'

const rules = (...patterns: readonly string[]): readonly IgnoreRule[] =>
  patterns.map((pattern) => ({ regex: `^${pattern.replace(/^!/, '')}$`, negated: pattern.startsWith('!') }))

/** Longer than timestamps may lie. */
const SETTLED = 2100

async function settledScan(stage: Stage): Promise<void> {
  await setTimeout(SETTLED)
  await stage.scan({ index: 'index' })
}

describe('scan', { concurrency: true }, () => {
  test('other bytes of the same size under the same mtime are seen, however fast they come', async (t) => {
    const stage = stageFor(t, { 'context/f': 'aaaa' })
    const seen = new Set<string>()
    for (let round = 0; round < 30; round++) {
      writeFileSync(stage.path('context/f'), String(round).padStart(4, '0'))
      utimesSync(stage.path('context/f'), OLD, OLD)
      seen.add((await stage.scan({ index: 'index' })).tree)
    }
    assert.equal(seen.size, 30)
  })

  test('a file that is only touched is read again and makes the same tree', async (t) => {
    const stage = stageFor(t, { 'context/f': '1', 'context/d/g': '2' })
    const { tree } = await stage.scan({ index: 'index' })
    await settledScan(stage)
    assert.deepEqual((await stage.scan({ index: 'index' })).hashed, 0)
    utimesSync(stage.path('context/f'), OLD + 5, OLD + 5)
    const touched = await stage.scan({ index: 'index' })
    assert.deepEqual([touched.hashed, touched.tree], [1, tree])
  })

  test('the stat index is written only when it says something new', async (t) => {
    const stage = stageFor(t, { 'context/f': '1' })
    await stage.scan({ index: 'index' })
    await settledScan(stage)
    const before = statSync(stage.path('index')).ino
    await stage.scan({ index: 'index' })
    assert.equal(statSync(stage.path('index')).ino, before)
  })

  test('an index that cannot be read is no error', async (t) => {
    const stage = stageFor(t, { 'context/f': '1', index: 'nonsense' })
    assert.equal((await stage.scan({ index: 'index' })).hashed, 1)
    assert.notEqual(readFileSync(stage.path('index'), 'latin1'), 'nonsense')
  })

  const ignored: readonly (readonly [patterns: readonly string[], left: readonly string[]])[] = [
    [[], ['/a', '/a/b', '/a/b/c', '/a/d', '/e.md']],
    [['a'], ['/e.md']],
    [
      ['a', '!a/b/c'],
      ['/a', '/a/b', '/a/b/c', '/e.md'],
    ],
    [['a', '!a/nothing'], ['/e.md']],
    [['a/b'], ['/a', '/a/d', '/e.md']],
    [['[^/]*', '!e\\.md'], ['/e.md']],
    [
      ['a', '!a/b', 'a/b/c'],
      ['/a', '/a/b', '/e.md'],
    ],
    [['(.*/)?c'], ['/a', '/a/b', '/a/d', '/e.md']],
  ]
  for (const [patterns, left] of ignored) {
    test(`ignoring ${patterns.join(' ') || 'nothing'}`, async (t) => {
      const stage = stageFor(t, { 'context/a/b/c': '', 'context/a/d': '', 'context/e.md': '' })
      assert.deepEqual(await stage.paths((await stage.scan({ rules: rules(...patterns) })).tree), left)
    })
  }

  test('names of any bytes cross the boundary and back', async (t) => {
    const stage = stageFor(t)
    const name = Buffer.from([0x61, 0xff, 0xc3, 0x28, 0xed, 0xb2, 0x80, 0x22, 0x0a])
    writeFileSync(Buffer.concat([Buffer.from(`${stage.path('context')}/`), name]), 'odd')
    const { tree } = await stage.scan()
    const [path] = await stage.paths(tree)
    assert.equal(path, '/a\udcff\udcc3(\udced\udcb2\udc80"\n')
    const { entries } = await loadNative().select({ treesDirectory: stage.trees, tree, paths: [path ?? ''] })
    assert.equal(entries[0]?.size, 3)
  })

  test('failures are errors of ours', async (t) => {
    const stage = stageFor(t, { 'context/f': '1' })
    await assert.rejects(stage.scan({ root: join(stage.folder, 'absent') }), failsWith('TSB_CONTEXT_MISSING'))
    await assert.rejects(stage.scan({ root: stage.path('context/f') }), failsWith('TSB_CONTEXT_MISSING'))
    await assert.rejects(stage.scan({ rules: [{ regex: '(', negated: false }] }), failsWith('TSB_IGNORE_PATTERN'))
    const absent = `blake3:${'0'.repeat(64)}` as const
    const select = loadNative().select({ treesDirectory: stage.trees, tree: absent, paths: ['/'] })
    await assert.rejects(select, failsWith('TSB_TREE_MISSING'))
  })
})

describe('select', () => {
  test('the digest is that of the content under the last name', async (t) => {
    const stage = stageFor(t, { 'context/x/s/f': '1', 'context/y/s/f': '1', 'context/z/s/f': '2', 'context/l': '-> y/s' })
    const { tree } = await stage.scan()
    const select = async (path: string) => loadNative().select({ treesDirectory: stage.trees, tree, paths: [path] })
    const [x, y, z] = [await select('/x/s'), await select('/y/s'), await select('/z/s')]
    assert.equal(x.digest, y.digest)
    assert.notEqual(x.digest, z.digest)
    assert.deepEqual((await select('/l')).entries[0]?.path, '/y/s')
    assert.deepEqual((await select('/absent')).entries, [null])
  })

  test('a small tree and a large one, which a thread reads, say the same of the same files', async (t) => {
    const few = Object.fromEntries(Array.from({ length: 3 }, (_, index) => [`context/d/${index}`, String(index)]))
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`context/others/${index}`, '']))
    const [small, large] = [stageFor(t, few), stageFor(t, { ...few, ...many })]
    const answers = []
    for (const stage of [small, large]) {
      const request = { treesDirectory: stage.trees, tree: (await stage.scan()).tree, paths: ['/d', '/absent'] }
      assert.equal(loadAddon().selectSmall(JSON.stringify(request)) === null, stage === large)
      answers.push(await loadNative().select(request))
      const controller = new AbortController()
      answers.push(await loadNative().select(request, controller.signal))
    }
    for (const answer of answers) assert.deepEqual(answer, answers[0])
  })
})
