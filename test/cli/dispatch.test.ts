import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { COMMANDS } from '../../cli/commands/index.ts'
import { main } from '../../cli/main.ts'
import { manual } from '../../cli/manual.ts'
import { VERSION } from '../../cli/version.ts'
import { fakeHost } from './fake-host.ts'

const ROOT = new URL('../../../', import.meta.url)

test("the version is package.json's", () => {
  assert.equal(VERSION, JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')).version)
})

test('version and help need no engine', async () => {
  const words = [['--version'], ['-v'], ['version'], ['--help'], ['-h'], ['help'], [], ['--progress=plain', '--help']]
  const each = Object.keys(COMMANDS).flatMap((name) => [
    [name, '--help'],
    ['help', name],
  ])
  for (const argv of [...words, ...each]) {
    const host = fakeHost()
    assert.equal(await main(argv, host), 0, argv.join(' '))
    assert.notEqual(host.terminal.out, '')
    assert.equal(host.terminal.err, '')
    assert.equal(host.engineLoads, 0)
  }
})

test('docs/cli.md is what the definitions say', async () => {
  const file = new URL('docs/cli.md', ROOT)
  const text = await manual()
  if (process.env.UPDATE === '1') writeFileSync(file, text)
  assert.equal(readFileSync(file, 'utf8'), text, 'run `node docs/cli-manual.mjs`')
})

test('an unknown command is answered with the one that was meant', async () => {
  for (const [word, meant] of Object.entries({ imgaes: 'images', biuld: 'build', lod: 'load', runn: 'run' })) {
    const host = fakeHost()
    assert.equal(await main([word], host), 2)
    assert.ok(host.terminal.err.includes('TSB_USAGE_UNKNOWN_COMMAND'))
    assert.ok(host.terminal.err.includes(`\`tsbuild ${meant}\``), host.terminal.err)
  }
  const host = fakeHost()
  assert.equal(await main(['frobnicate'], host), 2)
  assert.equal(host.engineLoads, 0)
})

test('a directory of that name is a context, and so is a path', async () => {
  const host = fakeHost({}, { paths: ['imgaes'] })
  assert.equal(await main(['imgaes'], host), 0)
  assert.equal((host.callOf('build')[0] as { context: string }).context, 'imgaes')
  assert.equal(await main(['./none'], fakeHost()), 0)
})
