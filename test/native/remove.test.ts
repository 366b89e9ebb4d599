import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { chdir, cwd } from 'node:process'
import { describe, test } from 'node:test'
import { loadNative } from '../../native/index.ts'
import { stageFor } from './stage.ts'

describe('remove', () => {
  test('takes files, links, trees and what is absent', async (t) => {
    const stage = stageFor(t, { 'x/a/b/c': '1', 'x/l': '-> ../stays', 'stays/f': '2', file: '3', link: '-> stays' })
    await loadNative().remove(['x', 'file', 'link', 'absent', 'file/below'].map((name) => stage.path(name)))
    assert.deepEqual(
      ['x', 'file', 'link', 'stays/f'].map((name) => existsSync(stage.path(name))),
      [false, false, false, true],
    )
  })

  test('takes trees deeper than a path can be', async (t) => {
    const stage = stageFor(t)
    const home = cwd()
    mkdirSync(stage.path('deep'))
    chdir(stage.path('deep'))
    try {
      for (let level = 0; level < 60; level++) {
        const name = 'n'.repeat(200)
        mkdirSync(name)
        chdir(name)
      }
      writeFileSync('f', '')
    } finally {
      chdir(home)
    }
    await loadNative().remove([stage.path('deep')])
    assert.ok(!existsSync(stage.path('deep')))
  })

  test('takes directories that hold many entries', async (t) => {
    const stage = stageFor(t, { 'd/': '' })
    for (let number = 0; number < 2000; number++) writeFileSync(stage.path('d', String(number)), '')
    chmodSync(stage.path('d'), 0o700)
    await loadNative().remove([stage.path('d')])
    assert.ok(!existsSync(stage.path('d')))
  })
})
