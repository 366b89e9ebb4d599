import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { loadNative } from '../../native/index.ts'
import { skipUnlessRoot, stageFor } from './stage.ts'

describe('commit', skipUnlessRoot, () => {
  test('merges an upper over its parent: whiteouts, opaque directories, other types', async (t) => {
    const stage = stageFor(t, { 'base/d/f': '1', 'base/d/e/g': '2', 'base/o/h': '3', 'base/t/x': '4' })
    const native = loadNative()
    const parent = await native.commit({ upper: stage.path('base'), treesDirectory: stage.trees })
    execFileSync('mknod', [stage.path('upper/o'), 'c', '0', '0'])
    mkdirSync(stage.path('upper/d/e'), { recursive: true })
    writeFileSync(stage.path('upper/d/e/new'), '5')
    writeFileSync(stage.path('upper/t'), 'a file now')
    execFileSync('python3', ['-c', `import os; os.setxattr(${JSON.stringify(stage.path('upper/d/e'))}, 'trusted.overlay.opaque', b'y')`])
    const request = { upper: stage.path('upper'), parent: parent.tree, treesDirectory: stage.trees }
    const done = await native.commit(request)
    assert.deepEqual(await stage.paths(done.tree), ['/d', '/d/e', '/d/e/new', '/d/f', '/t'])
    assert.deepEqual([done.entries, done.bytes], [5, 11])
    assert.deepEqual(await native.commit(request), done)
    const alone = await native.commit({ upper: stage.path('upper'), treesDirectory: stage.trees })
    assert.notEqual(alone.tree, done.tree)
  })

  test('a change is equal when only its times differ, whatever lies below', async (t) => {
    const native = loadNative()
    const deltas = []
    for (const below of ['1', '2']) {
      const stage = stageFor(t, { 'base/other': below, 'upper/f': 'same' })
      const parent = await native.commit({ upper: stage.path('base'), treesDirectory: stage.trees })
      if (below === '2') writeFileSync(stage.path('upper/f'), 'same')
      const done = await native.commit({ upper: stage.path('upper'), parent: parent.tree, treesDirectory: stage.trees })
      deltas.push(done.delta)
    }
    assert.equal(deltas[0], deltas[1])
  })

  test('attributes are part of a tree', async (t) => {
    const stage = stageFor(t, { 'upper/f': '1' })
    const commit = () => loadNative().commit({ upper: stage.path('upper'), treesDirectory: stage.trees })
    const plain = await commit()
    execFileSync('python3', ['-c', `import os; os.setxattr(${JSON.stringify(stage.path('upper/f'))}, 'user.a', b'b')`])
    assert.notEqual((await commit()).tree, plain.tree)
  })
})

describe('reading and exporting a merged root', skipUnlessRoot, () => {
  const layers = { 'base/a/f': 'low', 'base/gone': '1', 'upper/a/g': 'high', 'upper/l': '-> /a/f', 'upper/out': '-> /../../etc/passwd' }

  test('readFile follows links inside and gives null for what is no file', async (t) => {
    const stage = stageFor(t, layers)
    const read = async (path: string, maxBytes = 100) => {
      const bytes = await loadNative().readFile({ layers: [stage.path('base'), stage.path('upper')], path, maxBytes })
      return bytes === null ? null : Buffer.from(bytes).toString()
    }
    assert.equal(await read('/l'), 'low')
    assert.equal(await read('/l', 2), 'lo')
    assert.equal(await read('/a/g'), 'high')
    assert.equal(await read('/out'), null)
    assert.equal(await read('/a'), null)
    assert.equal(await read('/absent/x'), null)
    assert.equal(await loadNative().readFile({ layers: [], path: '/x', maxBytes: 1 }), null)
  })

  test('exportDirectory replaces what is named and leaves the rest', async (t) => {
    const stage = stageFor(t, { ...layers, 'out/a/f': 'old', 'out/stays': '1', 'out/gone/in/the/way': '2' })
    execFileSync('chown', ['-R', '7:8', stage.path('base')])
    await loadNative().exportDirectory({ layers: [stage.path('base'), stage.path('upper')], destination: stage.path('out') })
    assert.equal(readFileSync(stage.path('out/a/f'), 'utf8'), 'low')
    assert.equal(readFileSync(stage.path('out/gone'), 'utf8'), '1')
    assert.equal(readFileSync(stage.path('out/stays'), 'utf8'), '1')
    const owners = execFileSync('find', [stage.path('out'), '-not', '-uid', String(process.getuid?.())], { encoding: 'utf8' })
    assert.equal(owners, '')
  })

  test('exportTar of no layers is an empty archive', async (t) => {
    const stage = stageFor(t)
    await loadNative().exportTar({ layers: [], output: { path: stage.path('empty.tar') } })
    assert.equal(execFileSync('tar', ['-tf', stage.path('empty.tar')], { encoding: 'utf8' }), '')
  })
})
