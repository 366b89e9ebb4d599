import assert from 'node:assert/strict'
import { test } from 'node:test'
import { main } from '../../cli/main.ts'
import type { Diagnostic } from '../../core/diagnostic.ts'
import { TsbError } from '../../core/error.ts'
import type { CallAnswer } from '../../engine/types.ts'
import { fakeHost } from './fake-host.ts'

const file = { name: 'Dockerfile', text: 'FROM scratch\nCMD a\\\n b\n' }
const lines = { file, start: { line: 2, column: 1 }, end: { line: 3, column: 3 } }
const warning: Diagnostic = {
  severity: 'warning',
  code: 'JSONArgsRecommended',
  message: 'JSON "x"',
  hint: 'h',
  spans: [{ ...lines, end: { line: 2, column: 4 } }],
  within: lines,
  rule: { description: 'about', url: 'https://docs.docker.com/go/dockerfile/rule/json-args-recommended/' },
}
const error: Diagnostic = { severity: 'error', code: 'TSB_X', message: 'bad', spans: [lines], within: lines }

function answer(warnings: readonly Diagnostic[], errors: readonly Diagnostic[] = []): CallAnswer {
  const failure = errors.length === 0 ? {} : { failure: new TsbError('TSB_X', 'bad', { fault: 'input', diagnostics: errors }) }
  return { kind: 'check', report: { file, warnings, errors, ...failure }, assumed: [] }
}

async function run(argv: readonly string[], given: CallAnswer): Promise<{ code: number; out: string; err: string; asked: unknown }> {
  const host = fakeHost({ call: async () => given })
  const code = await main(argv, host)
  const asked = host.calls.find(({ name }) => name === 'call')?.args[0]
  return { code, out: host.terminal.out, err: host.terminal.err, asked }
}

test('exit codes are docker’s: findings 1, none or `ignorestatus` 0, an error 1 whatever is ignored', async () => {
  const cases: readonly (readonly [string, CallAnswer, number])[] = [
    ['--check', answer([]), 0],
    ['--check', answer([warning]), 1],
    ['--call=check,format=json', answer([warning]), 1],
    ['--call=check,ignorestatus=true', answer([warning]), 0],
    ['--call=lint,ignorestatus', answer([warning]), 0],
    ['--call=check,ignorestatus=false', answer([warning]), 1],
    ['--call=check,ignorestatus=true', answer([], [error]), 1],
  ]
  for (const [flag, given, code] of cases) {
    const result = await run([flag, '.'], given)
    assert.deepEqual([flag, result.code, result.asked], [flag, code, 'check'])
  }
})

test('text is buildx’s', async () => {
  assert.equal((await run(['--check', '.'], answer([]))).out, 'Check complete, no warnings found.\n')
  const { out } = await run(['--check', '-f', 'sub/My', '.'], answer([warning]))
  assert.equal(
    out,
    'Check complete, 1 warning has been found!\n\nWARNING: JSONArgsRecommended - ' +
      'https://docs.docker.com/go/dockerfile/rule/json-args-recommended/\nJSON "x"\nsub/My:2\n--------------------\n' +
      '   1 |     FROM scratch\n   2 | >>> CMD a\\\n   3 | >>>  b\n   4 |     \n--------------------\n',
  )
})

test('JSON is buildx’s, with one range a line; errors go to stderr too', async () => {
  const ranges = [2, 3].map((line) => ({ start: { line }, end: { line } }))
  const { out, err, code } = await run(['--call=check,format=json', '.'], answer([warning], [error, error]))
  assert.equal(code, 1)
  assert.match(err, /\[TSB_X\]/)
  assert.deepEqual(JSON.parse(out), {
    warnings: [
      {
        ruleName: 'JSONArgsRecommended',
        description: 'about',
        url: 'https://docs.docker.com/go/dockerfile/rule/json-args-recommended/',
        detail: 'JSON "x"',
        location: { ranges },
      },
    ],
    sources: [{ filename: 'Dockerfile', data: Buffer.from(file.text).toString('base64'), language: 'Dockerfile' }],
    buildError: { message: 'bad', location: { ranges } },
    buildErrors: [error, error].map(() => ({ code: 'TSB_X', message: 'bad', location: { ranges } })),
  })
  assert.equal(JSON.parse((await run(['--call=check,format=json', '.'], answer([]))).out).warnings, null)
})

test('what cannot be called is a usage error; `build` is a build', async () => {
  for (const flag of ['--call=foo', '--call=check,x', '--call=check,format=xml', '--call=check,ignorestatus=maybe']) {
    assert.equal((await run([flag, '.'], answer([]))).code, 2)
  }
  const host = fakeHost()
  assert.equal(await main(['--call=build', '.'], host), 0)
  assert.ok(host.calls.some(({ name }) => name === 'build'))
})

test('bases that could not be looked up are named on stderr', async () => {
  const { err, code } = await run(['--check', '.'], { ...answer([]), assumed: ['alpine'] })
  assert.equal(code, 0)
  assert.match(err, /`alpine`/)
})
