import assert from 'node:assert/strict'
import { test } from 'node:test'
import { main } from '../../cli/main.ts'
import { fakeHost } from './fake-host.ts'
import { FakeTerminal } from './fake-terminal.ts'

const ID = `sha256:${'1'.repeat(64)}` as const

test('import prints the image ID', async () => {
  const host = fakeHost({ importRoot: async () => ID })
  assert.equal(await main(['import', 'root.tar', 'base:1'], host), 0)
  assert.deepEqual(host.callOf('importRoot'), ['root.tar', 'base:1'])
  assert.equal(host.terminal.out, `${ID}\n`)
})

test('load names what it loaded', async () => {
  const host = fakeHost({
    load: async () => [
      { id: ID, names: ['a:1', 'b:2'] },
      { id: ID, names: [] },
    ],
  })
  assert.equal(await main(['load', '-i', 'x.tar'], host), 0)
  assert.deepEqual(host.callOf('load'), ['x.tar'])
  assert.equal(host.terminal.out, `Loaded image: a:1\nLoaded image: b:2\nLoaded image ID: ${ID}\n`)
})

test('load reads standard input, import with a dash', async () => {
  const host = fakeHost()
  await main(['load'], host)
  await main(['import', '-', 'base'], host)
  assert.deepEqual([host.callOf('load'), host.callOf('importRoot')], [['-'], ['-', 'base']])
})

test('save passes names, file and format', async () => {
  const host = fakeHost()
  assert.equal(await main(['save', '-o', 'x.tar', '--format=oci', 'a', 'b:1'], host), 0)
  assert.deepEqual(host.callOf('save'), [['a', 'b:1'], 'x.tar', 'oci'])
  const piped = fakeHost()
  await main(['save', 'a'], piped)
  assert.deepEqual(piped.callOf('save'), [['a'], '-', 'docker'])
  assert.equal(piped.terminal.out, '')
})

test('archives neither come from a terminal nor go to one', async () => {
  const cases = { TSB_USAGE_STDOUT_TERMINAL: ['save', 'a'], TSB_USAGE_STDIN_TERMINAL: ['load'] }
  for (const [code, argv] of Object.entries({ ...cases })) {
    const host = fakeHost({}, { terminal: new FakeTerminal({ isTerminal: true }) })
    assert.equal(await main(argv, host), 2)
    assert.ok(host.terminal.err.includes(code))
    assert.equal(host.engineLoads, 0)
  }
  const host = fakeHost({}, { terminal: new FakeTerminal({ isTerminal: true }) })
  assert.equal(await main(['import', '-', 'base'], host), 2)
})

test('wrong arguments', async () => {
  for (const argv of [['save'], ['import', 'x'], ['save', '--format', 'zip', 'a'], ['load', 'x.tar'], ['images', 'x'], ['version', 'x']]) {
    const host = fakeHost()
    assert.equal(await main(argv, host), 2, argv.join(' '))
    assert.match(host.terminal.err, /TSB_USAGE_/)
  }
})
