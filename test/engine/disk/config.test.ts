import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { isTsbError } from '../../../core/error.ts'
import { type Config, readConfig } from '../../../engine/host/config.ts'

function fileWith(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'tsbuild-config-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'config.json')
  writeFileSync(file, text)
  return file
}

test('what may stand in it', (t) => {
  const read = (text: string): Config => readConfig({ TSBUILD_CONFIG: fileWith(t, text) })
  assert.deepEqual(read('{}'), {})
  assert.deepEqual(read('{ "maxDisk": "20GB" }'), { maxDisk: 20 * 1024 ** 3 })
  assert.deepEqual(read('{ "maxDisk": 0, "history": { "builds": 5 } }'), { maxDisk: 0, history: { builds: 5 } })
  assert.deepEqual(read('{ "history": { "builds": 5, "days": 1 } }'), { history: { builds: 5, days: 1 } })
})

test('what may not is one error that names the file', (t) => {
  for (const text of [
    '',
    '[]',
    '1',
    '{',
    '{"maxdisk":1}',
    '{"maxDisk":"x"}',
    '{"maxDisk":-1}',
    '{"maxDisk":1.5}',
    '{"maxDisk":null}',
    '{"history":3}',
    '{"history":{"age":1}}',
    '{"history":{"days":"2"}}',
  ]) {
    const file = fileWith(t, text)
    assert.throws(
      () => readConfig({ TSBUILD_CONFIG: file }),
      (error) => isTsbError(error) && error.code === 'TSB_CONFIG_INVALID' && error.message.includes(file),
      text,
    )
  }
})

test('one that was named has to be there; those of the machine and the user need not', (t) => {
  const home = mkdtempSync(join(tmpdir(), 'tsbuild-config-'))
  t.after(() => rmSync(home, { recursive: true, force: true }))
  assert.throws(
    () => readConfig({ TSBUILD_CONFIG: join(home, 'none') }),
    (error) => isTsbError(error) && error.code === 'TSB_CONFIG_INVALID',
  )
  const own = readConfig({ HOME: home })
  mkdirSync(join(home, '.config/tsbuild'), { recursive: true })
  writeFileSync(join(home, '.config/tsbuild/config.json'), '{ "maxDisk": 5 }')
  assert.deepEqual(readConfig({ HOME: home }), { ...own, maxDisk: 5 })
  mkdirSync(join(home, 'xdg/tsbuild'), { recursive: true })
  writeFileSync(join(home, 'xdg/tsbuild/config.json'), '{ "maxDisk": 7 }')
  assert.deepEqual(readConfig({ HOME: home, XDG_CONFIG_HOME: join(home, 'xdg') }), { ...own, maxDisk: 7 })
})
