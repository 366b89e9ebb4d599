import assert from 'node:assert/strict'
import { test } from 'node:test'
import { main } from '../../cli/main.ts'
import { TsbError } from '../../core/error.ts'
import type { RunOptions } from '../../engine/types.ts'
import { fakeHost } from './fake-host.ts'
import { FakeTerminal } from './fake-terminal.ts'

const DEFAULTS = { command: [], env: [], volumes: [], network: 'default', interactive: false, tty: false, remove: false }

test('an image alone', async () => {
  assert.deepEqual(await options('img'), { ...DEFAULTS, image: 'img' })
})

test('options end at the image', async () => {
  const read = await options('--rm', 'img', 'sh', '-c', 'x', '--rm=false', '-t=1', '--', '-e', '--help')
  assert.deepEqual(read, {
    ...DEFAULTS,
    image: 'img',
    remove: true,
    command: ['sh', '-c', 'x', '--rm=false', '-t=1', '--', '-e', '--help'],
  })
})

test('every flag arrives in the options', async () => {
  const words = [
    '-i',
    '-e',
    'A=1',
    '--env=B',
    '-eC',
    '-v',
    '/a:/b:ro',
    '-v',
    '/c:/d',
    '-w',
    '/w',
    '-u',
    '1:2',
    '--entrypoint',
    '',
    '--network=none',
    '-h',
    'box',
  ]
  assert.deepEqual(await options(...words, 'img', 'ls'), {
    image: 'img',
    command: ['ls'],
    env: ['A=1', 'B=from environment', 'C'],
    volumes: ['/a:/b:ro', '/c:/d'],
    workdir: '/w',
    user: '1:2',
    entrypoint: '',
    network: 'none',
    hostname: 'box',
    interactive: true,
    tty: false,
    remove: false,
  })
})

test('-it combined, on a terminal', async () => {
  const host = fakeHost({}, { terminal: new FakeTerminal({ isTerminal: true }) })
  assert.equal(await main(['run', '-it', '--rm=false', 'img'], host), 0)
  assert.deepEqual(host.callOf('run')[0], { ...DEFAULTS, image: 'img', interactive: true, tty: true })
})

test("-t without a terminal has docker's message", async () => {
  const host = fakeHost()
  assert.equal(await main(['run', '-it', 'img'], host), 125)
  assert.match(host.terminal.err, /the input device is not a TTY.*TSB_USAGE_NO_TERMINAL/)
})

test("the exit code is the program's", async () => {
  for (const code of [0, 1, 42, 126, 127, 137]) {
    const host = fakeHost({ run: async () => code })
    assert.equal(await main(['run', 'img'], host), code)
    assert.equal(host.terminal.err, '')
  }
})

test('a program that cannot be started has a code of its own', async () => {
  for (const [code, exit] of [
    ['TSB_COMMAND_NOT_FOUND', 127],
    ['TSB_COMMAND_NOT_EXECUTABLE', 126],
  ] as const) {
    const host = fakeHost({ run: () => Promise.reject(new TsbError(code, 'failed', { fault: 'input' })) })
    assert.equal(await main(['run', 'img'], host), exit)
  }
})

test('our own failures are 125, whatever the fault', async () => {
  for (const fault of ['input', 'host', 'remote', 'bug'] as const) {
    const host = fakeHost({ run: () => Promise.reject(new TsbError('TSB_TEST', 'failed', { fault })) })
    assert.equal(await main(['run', 'img'], host), 125)
    assert.equal(host.calls.at(-1)?.name, 'dispose')
  }
  for (const argv of [['--frob', 'img'], [], ['--network', 'bridge9', 'img'], ['-e', '=x', 'img']]) {
    const host = fakeHost()
    assert.equal(await main(['run', ...argv], host), 125)
    assert.match(host.terminal.err, /TSB_USAGE_/)
    assert.equal(host.calls.length, 0)
  }
})

async function options(...argv: string[]): Promise<RunOptions> {
  const host = fakeHost({}, { env: { B: 'from environment' } })
  assert.equal(await main(['run', ...argv], host), 0, host.terminal.err)
  return host.callOf('run')[0] as RunOptions
}
