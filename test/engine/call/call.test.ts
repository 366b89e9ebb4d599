import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openEngine } from '../../../engine/index.ts'
import type { BuildOptions, CallAnswer, CallName } from '../../../engine/types.ts'

const OPTIONS: Omit<BuildOptions, 'context'> = {
  tags: [],
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
}

async function ask(name: CallName, dockerfile: string, more: Partial<BuildOptions> = {}): Promise<{ answer: CallAnswer; stored: boolean }> {
  const root = await mkdtemp(join(tmpdir(), 'tsbuild-call-'))
  try {
    const store = join(root, 'store')
    await writeFile(join(root, 'Dockerfile'), dockerfile)
    await using engine = await openEngine({ env: { TSBUILD_ROOT: store } })
    const answer = await engine.call(name, { ...OPTIONS, context: root, ...more }, () => {}, new AbortController().signal)
    return { answer, stored: existsSync(store) }
  } finally {
    await rm(root, { recursive: true })
  }
}

test('a check makes no store, and takes a base that nobody has for an empty one', async () => {
  const { answer, stored } = await ask('check', 'FROM localhost:1/none:1\nUSER $X\nCMD a\n')
  assert.equal(stored, false)
  assert.deepEqual(answer.assumed, ['localhost:1/none:1'])
  assert.ok(answer.kind === 'check')
  assert.deepEqual(answer.report.errors, [])
  assert.deepEqual(
    answer.report.warnings.map(({ code }) => code),
    ['UndefinedVar', 'JSONArgsRecommended'],
  )
})

test('all stages are checked, or those that the target needs', async () => {
  const text = 'FROM scratch AS a\nCMD x\nFROM scratch AS b\nUSER $X\n'
  const codes = async (target?: string): Promise<readonly string[]> => {
    const { answer } = await ask('check', text, target === undefined ? {} : { target })
    return answer.kind === 'check' ? answer.report.warnings.map(({ code }) => code) : []
  }
  assert.deepEqual(await codes(), ['JSONArgsRecommended', 'UndefinedVar'])
  assert.deepEqual(await codes('a'), ['JSONArgsRecommended'])
})

test('an outline has arguments, secrets and agents of the target and of the stages it needs', async () => {
  const text = [
    '# BASE is below',
    'ARG BASE=a',
    'ARG FROM_BASE=$BASE-b UNUSED=1',
    'FROM scratch AS other',
    'ARG NOT_NEEDED',
    '# build makes it',
    'FROM scratch AS build',
    '# VERSION to make',
    'ARG VERSION=1 FROM_BASE',
    'RUN --mount=type=secret,id=key,required --mount=type=ssh true',
    'FROM build AS final',
    'ARG VERSION',
    '',
  ].join('\n')
  const { answer } = await ask('outline', text, { target: 'build', buildArgs: [['VERSION', '2']] })
  assert.ok(answer.kind === 'outline')
  const { name, description, args, secrets, ssh } = answer.outline
  assert.deepEqual([name, description], ['build', 'makes it'])
  assert.deepEqual(
    args.map((arg) => [arg.name, arg.value, arg.description, arg.within.start.line]),
    [
      ['BASE', 'a', 'is below', 2],
      ['FROM_BASE', 'a-b', '', 3],
      ['VERSION', '2', 'to make', 9],
    ],
  )
  assert.deepEqual(
    [...secrets, ...ssh].map((item) => [item.name, item.required]),
    [
      ['key', true],
      ['default', false],
    ],
  )
})

test('an argument that is given does not need what its default needs', async () => {
  const text = 'ARG A=1\nARG B=$A\nFROM scratch\nARG B\n'
  const names = async (more: Partial<BuildOptions>): Promise<readonly string[]> => {
    const { answer } = await ask('outline', text, more)
    return answer.kind === 'outline' ? answer.outline.args.map(({ name }) => name) : []
  }
  assert.deepEqual(await names({}), ['A', 'B'])
  assert.deepEqual(await names({ buildArgs: [['B', '2']] }), ['B'])
})

test('targets are the stages, the last one built by default', async () => {
  const { answer } = await ask('targets', 'ARG X\n# one is first\nFROM a:$X AS One\nFROM --platform=$Y scratch\n')
  assert.ok(answer.kind === 'targets')
  assert.deepEqual(
    answer.list.targets.map(({ within: _within, ...target }) => target),
    [
      { name: 'one', description: 'is first', isDefault: false, base: 'a:$X', platform: '' },
      { name: '', description: '', isDefault: true, base: 'scratch', platform: '$Y' },
    ],
  )
})
