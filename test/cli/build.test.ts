import assert from 'node:assert/strict'
import { test } from 'node:test'
import { main } from '../../cli/main.ts'
import { interrupted, TsbError } from '../../core/error.ts'
import type { BuildOptions, Engine } from '../../engine/types.ts'
import { START } from './case-file.ts'
import { type FakeHost, fakeHost } from './fake-host.ts'
import { FakeTerminal } from './fake-terminal.ts'

const IMAGE = `sha256:${'ab'.repeat(32)}` as const

test('build is the default command', async () => {
  const [short, long] = [await options('-t', 'app', '.'), await options('build', '-t', 'app', '.')]
  assert.deepEqual(short, long)
  assert.deepEqual(short, {
    context: '.',
    tags: ['app'],
    buildArgs: [],
    labels: [],
    contexts: [],
    secrets: [],
    ssh: [],
    allow: [],
    network: 'default',
    noCache: false,
    noCacheFilter: [],
    volatile: [],
    noStatCache: false,
    pull: false,
    outputs: [],
  })
})

test('every flag arrives in the options', async () => {
  const words = ['-t', 'a', '--tag=b', '-tc', '-t=d', '-f', 'x/Dockerfile', '--target', 'run', '--build-arg', 'A=1=2', '--build-arg', 'B']
  const more = [
    '--label',
    'l=v',
    '--label',
    'empty',
    '--no-cache',
    '--no-stat-cache',
    '--build-context',
    'c=docker-image://x=y',
    '--secret',
    'id=a',
    '--secret=id=b',
    '--ssh',
    'default',
    '--allow',
    'network.host',
    '--allow=security.insecure',
    '--network',
    'none',
    '--pull',
    '--iidfile',
    'iid',
    '-o',
    'out.tar',
    '--platform',
    'linux/amd64',
    '--volatile',
    'var/log/**',
    'ctx',
  ]
  assert.deepEqual(await options(...words, ...more), {
    context: 'ctx',
    tags: ['a', 'b', 'c', 'd'],
    file: 'x/Dockerfile',
    target: 'run',
    buildArgs: [
      ['A', '1=2'],
      ['B', undefined],
    ],
    labels: [
      ['l', 'v'],
      ['empty', ''],
    ],
    contexts: [['c', 'docker-image://x=y']],
    secrets: [{ id: 'id=a' }, { id: 'id=b' }],
    ssh: [{ id: 'default', paths: [] }],
    allow: ['network.host', 'security.insecure'],
    network: 'none',
    noCache: true,
    noCacheFilter: [],
    volatile: ['var/log/**'],
    noStatCache: true,
    pull: true,
    iidFile: 'iid',
    outputs: [{ type: 'tar', dest: 'out.tar' }],
    platform: 'linux/amd64',
  })
})

test("buildx's short forms of an output", async () => {
  const outputs = async (...argv: string[]): Promise<unknown> => (await options(...argv, '.')).outputs
  assert.deepEqual(await outputs('--push'), await outputs('-o', 'type=registry'))
  assert.deepEqual(await outputs('--load'), await outputs('-o', 'type=image'))
})

test('a slip in the arguments has its remedy', async () => {
  for (const [remedy, argv] of [
    [/\./.source, ['build', '-t', 'app']],
    ['-i', ['load', 'app.tar']],
  ] as const) {
    const host = fakeHost()
    assert.equal(await main(argv, host), 2)
    assert.match(host.terminal.err, new RegExp(`hint: .*\`${remedy}`))
  }
})

test('switches take a value as in Go', async () => {
  const off = await options('--no-cache=false', '--pull=false', '.')
  const on = await options('--no-cache=true', '--pull=1', '.')
  assert.deepEqual([off.noCache, off.pull, on.noCache, on.pull], [false, false, true, true])
  assert.match((await failing('--pull=maybe', '.')).terminal.err, /TSB_USAGE_INVALID_VALUE/)
})

test('steps to run again are named by stage and number, together or one by one', async () => {
  const { noCache, noCacheFilter } = await options('--no-cache-filter', 'Build,test:12', '--no-cache-filter=1', '.')
  assert.deepEqual(noCacheFilter, [{ stage: 'build' }, { stage: 'test', step: 12 }, { stage: '1' }])
  assert.equal(noCache, false)
})

test('--max-parallel is a number from 1', async () => {
  assert.equal((await options('--max-parallel', '3', '.')).maxParallel, 3)
  for (const text of ['0', '-1', 'many', '1.5', '']) assert.match((await failing(`--max-parallel=${text}`, '.')).terminal.err, /TSB_USAGE_/)
})

test('flags may follow the path, and -- ends them', async () => {
  assert.equal((await options('.', '--pull')).pull, true)
  assert.equal((await options('--', '-odd')).context, '-odd')
})

test('--oci-runtime stands in for TSBUILD_RUNTIME', async () => {
  const host = fakeHost({}, { env: { TSBUILD_RUNTIME: 'crun', HOME: '/h' } })
  await main(['--oci-runtime', 'runc', '.'], host)
  assert.deepEqual(host.callOf('openEngine'), [{ env: { TSBUILD_RUNTIME: 'runc', HOME: '/h' } }])
})

test('-q prints the image ID and nothing else', async () => {
  const host = fakeHost({ build: built })
  assert.equal(await main(['-q', '.'], host), 0)
  assert.equal(host.terminal.out, `${IMAGE}\n`)
  assert.equal(host.terminal.err, '')
})

test('an archive on stdout is not mixed with the image ID', async () => {
  const host = fakeHost({ build: built })
  await main(['-q', '-o', '-', '.'], host)
  assert.equal(host.terminal.out, '')
})

test('progress goes to stderr only, warnings after it', async () => {
  const host = fakeHost({
    build: async (_options, onEvent) => {
      onEvent({
        kind: 'diagnostic',
        time: START,
        diagnostic: { severity: 'warning', code: 'StageNameCasing', message: 'stage name', spans: [] },
      })
      onEvent({ kind: 'task-started', time: START, id: 'a', name: 'work' })
      onEvent({ kind: 'task-done', time: START, id: 'a' })
      onEvent({ kind: 'build-done', time: START, image: IMAGE })
      return { image: IMAGE, containersStarted: 0 }
    },
  })
  assert.equal(await main(['--progress=plain', '.'], host), 0)
  assert.equal(host.terminal.out, '')
  assert.equal(host.terminal.err, '#1 work\n#1 DONE 0.0s\n\n\n 1 warning found:\n\nwarning: stage name [StageNameCasing]\n')
})

test('a build that failed says what could be better, and why it failed', async () => {
  const host = fakeHost({
    build: async (_options, onEvent) => {
      onEvent({
        kind: 'diagnostic',
        time: START,
        diagnostic: { severity: 'warning', code: 'StageNameCasing', message: 'stage name', spans: [] },
      })
      onEvent({ kind: 'build-done', time: START, error: 'broken' })
      throw new TsbError('TSB_TEST', 'broken', { fault: 'step' })
    },
  })
  assert.equal(await main(['.'], host), 1)
  assert.equal(host.terminal.err, '\n 1 warning found:\n\nwarning: stage name [StageNameCasing]\nerror: broken [TSB_TEST]\n')
})

test('where progress goes follows flag, environment, terminal', async () => {
  const shown = async (argv: string[], env: Record<string, string>, isTerminal: boolean): Promise<string> => {
    const terminal = new FakeTerminal({ isTerminal })
    await main([...argv, '.'], fakeHost({ build: built }, { env, terminal }))
    if (terminal.err.includes('built')) return 'tty'
    if (terminal.err.startsWith('{')) return 'rawjson'
    return terminal.err.startsWith('#1') ? 'plain' : terminal.err
  }
  assert.equal(await shown([], {}, true), 'tty')
  assert.equal(await shown([], {}, false), 'plain')
  assert.equal(await shown([], { TERM: 'dumb' }, true), 'plain')
  assert.equal(await shown([], { BUILDKIT_PROGRESS: 'rawjson' }, true), 'rawjson')
  assert.equal(await shown([], { BUILDKIT_PROGRESS: 'rawjson', TSBUILD_PROGRESS: 'plain' }, true), 'plain')
  assert.equal(await shown(['--progress', 'auto'], { BUILDKIT_PROGRESS: 'plain' }, true), 'tty')
  assert.equal(await shown(['--progress', 'quiet'], {}, true), '')
})

test('usage errors: one error, code 2, nothing built', async () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['TSB_USAGE_UNKNOWN_FLAG', ['--tagg', 'x', '.']],
    ['TSB_USAGE_UNKNOWN_FLAG', ['-Z', '.']],
    ['TSB_USAGE_MISSING_ARGUMENT', ['-t', 'x']],
    ['TSB_USAGE_EXCESS_ARGUMENT', ['.', 'more']],
    ['TSB_USAGE_MISSING_VALUE', ['.', '--target']],
    ['TSB_USAGE_INVALID_VALUE', ['--progress', 'loud', '.']],
    ['TSB_USAGE_INVALID_VALUE', ['--build-arg', '=x', '.']],
    ['TSB_USAGE_NO_TERMINAL', ['--progress', 'tty', '.']],
    ['TSB_USAGE_STDOUT_TWICE', ['-o', '-', '-o', '-', '.']],
    ['TSB_OUTPUT_INVALID', ['-o', 'bad', '.']],
  ]
  for (const [code, argv] of cases) {
    const host = await failing(...argv)
    assert.ok(host.terminal.err.includes(`[${code}]`), `${argv.join(' ')}: ${host.terminal.err}`)
    assert.equal(host.terminal.err.match(/error:/g)?.length, 1)
    assert.equal(host.calls.length, 0)
  }
})

test('a mistyped flag is answered with the one that was meant', async () => {
  assert.match((await failing('--tagg', 'x', '.')).terminal.err, /hint: did you mean `--tag`/)
})

test('an archive is not written to a terminal', async () => {
  const host = fakeHost({}, { terminal: new FakeTerminal({ isTerminal: true }) })
  assert.equal(await main(['-o', '-', '.'], host), 2)
  assert.match(host.terminal.err, /TSB_USAGE_STDOUT_TERMINAL/)
})

test('the exit code follows the fault, the engine is closed', async () => {
  const expected = { input: 1, step: 1, usage: 2, host: 3, remote: 4, bug: 70, interrupted: 130 } as const
  for (const [fault, code] of Object.entries(expected)) {
    const host = fakeHost({ build: () => Promise.reject(new TsbError('TSB_TEST', 'failed', { fault: fault as keyof typeof expected })) })
    assert.equal(await main(['.'], host), code)
    assert.equal(host.calls.at(-1)?.name, 'dispose')
  }
  const host = fakeHost({ build: () => Promise.reject(new Error('unforeseen')) })
  assert.equal(await main(['.'], host), 70)
  assert.match(host.terminal.err, /TSB_BUG/)
})

test('the first interrupt aborts and waits, the second ends at once', async () => {
  const host: FakeHost = fakeHost({
    build: (_options, _onEvent, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          host.interrupt()
          reject(signal.reason)
        })
        setImmediate(() => host.interrupt())
      }),
  })
  assert.equal(await main(['.'], host), 130)
  assert.deepEqual(host.exits, [130])
  assert.equal(host.calls.at(-1)?.name, 'dispose')
  assert.match(host.terminal.err, /TSB_INTERRUPTED/)
})

test('a reader that goes away ends the build quietly', async () => {
  const host: FakeHost = fakeHost({
    build: (_options, _onEvent, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(interrupted()))
        setImmediate(() => host.terminal.closeStdout())
      }),
  })
  assert.equal(await main(['-o', '-', '.'], host), 141)
  assert.equal(host.terminal.err, '')
  const native = fakeHost({
    build: () => Promise.reject(new TsbError('TSB_X', 'write', { fault: 'host', cause: Object.assign(new Error('x'), { code: 'EPIPE' }) })),
  })
  assert.equal(await main(['-o', '-', '.'], native), 141)
  assert.equal(native.terminal.err, '')
})

async function options(...argv: string[]): Promise<BuildOptions> {
  const host = fakeHost({ build: built })
  assert.equal(await main(argv, host), 0, host.terminal.err)
  return host.callOf('build')[0] as BuildOptions
}

async function failing(...argv: readonly string[]): Promise<FakeHost> {
  const host = fakeHost({ build: built })
  assert.equal(await main(argv, host), 2, argv.join(' '))
  return host
}

const built: Engine['build'] = async (_options, onEvent) => {
  onEvent({ kind: 'task-started', time: START, id: 'a', name: 'work' })
  onEvent({ kind: 'task-done', time: START, id: 'a' })
  onEvent({ kind: 'build-done', time: START, image: IMAGE })
  return { image: IMAGE, containersStarted: 0 }
}
