import assert from 'node:assert/strict'
import { test } from 'node:test'
import { renderError } from '../../cli/render/error.ts'
import { palette } from '../../cli/render/palette.ts'
import { renderWarnings } from '../../cli/render/warnings.ts'
import type { Diagnostic } from '../../core/diagnostic.ts'
import { type ErrorDetails, TsbError } from '../../core/error.ts'
import { caseNames, readCase } from './case-file.ts'

interface SpanText {
  /** `line:column-line:column` */
  readonly at: string
}

interface ErrorText {
  readonly code: `TSB_${string}`
  readonly message: string
  readonly hint?: string
  readonly spans?: readonly SpanText['at'][]
  readonly diagnostics?: readonly ErrorText[]
}

const plain = palette({ isTerminal: false }, {})

for (const name of caseNames('errors')) {
  test(`errors/${name}`, () => {
    const file = readCase(`errors/${name}`)
    const error = readError(JSON.parse(file.section('error')) as ErrorText, file.section('Dockerfile'))
    file.expect('shown', renderError(error, plain, false))
  })
}

test('debug adds the stack and all causes', () => {
  const error = new TsbError('TSB_TEST', 'outer', { fault: 'host', cause: new Error('middle', { cause: new Error('inner') }) })
  assert.doesNotMatch(renderError(error, plain, false), /middle|inner/)
  assert.match(renderError(error, plain, true), /outer[\s\S]*caused by: Error: middle[\s\S]*caused by: Error: inner/)
})

test('control characters of others do not reach the terminal', () => {
  const error = new TsbError('TSB_TEST', 'bad \x1b[2J name\nsecond line', { fault: 'input' })
  const shown = renderError(error, plain, false)
  assert.ok(!shown.includes('\x1b'))
  assert.equal(shown.split('\n').length, 2)
})

test('colours only on a terminal that wants them', () => {
  const error = new TsbError('TSB_TEST', 'x', { fault: 'input' })
  const isColoured = (isTerminal: boolean, env: Record<string, string>): boolean =>
    renderError(error, palette({ isTerminal }, env), false).includes('\x1b[')
  assert.deepEqual(
    [isColoured(true, {}), isColoured(true, { NO_COLOR: '1' }), isColoured(true, { NO_COLOR: '' }), isColoured(false, {})],
    [true, false, true, false],
  )
})

test('warnings: none is no text', () => {
  assert.equal(renderWarnings([], plain), '')
  assert.equal(renderWarnings([{ severity: 'error', code: 'X', message: 'm', spans: [] }], plain), '')
})

function readError(text: ErrorText, dockerfile: string): TsbError {
  const details = readDetails(text, dockerfile)
  const diagnostics = (text.diagnostics ?? []).map((each): Diagnostic => {
    const { spans = [], hint } = readDetails(each, dockerfile)
    return { severity: 'error', code: each.code, message: each.message, spans, ...(hint === undefined ? {} : { hint }) }
  })
  return new TsbError(text.code, text.message, { ...details, diagnostics })
}

function readDetails(text: ErrorText, dockerfile: string): ErrorDetails {
  const file = { name: 'Dockerfile', text: dockerfile }
  const spans = (text.spans ?? []).map((at) => {
    const [line = 1, column = 1, endLine = 1, endColumn = 1] = at.split(/[:-]/).map(Number)
    return { file, start: { line, column }, end: { line: endLine, column: endColumn } }
  })
  return { fault: 'input', spans, ...(text.hint === undefined ? {} : { hint: text.hint }) }
}
