import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TsbError, toTsbError } from '../../core/error.ts'

function systemError(code: string, path?: string): Error {
  return Object.assign(new Error(`${code}: it failed`), { code, ...(path === undefined ? {} : { path }) })
}

for (const [cause, code] of [
  ['ENOSPC', 'TSB_DISK_FULL'],
  ['EDQUOT', 'TSB_DISK_FULL'],
  ['SQLITE_FULL', 'TSB_DISK_FULL'],
  ['EROFS', 'TSB_DISK_READONLY'],
  ['EMFILE', 'TSB_FILES_EXHAUSTED'],
] as const) {
  test(`${cause} from anywhere is ${code}, the host's fault`, () => {
    const error = toTsbError(systemError(cause, '/some/file'))
    assert.deepEqual([error.code, error.fault], [code, 'host'])
    assert.notEqual(error.hint, undefined)
    assert.ok(error.message.includes('/some/file'))
  })
}

test('what nobody foresaw is a bug', () => {
  assert.equal(toTsbError(new TypeError('x is not a function')).code, 'TSB_BUG')
  assert.equal(toTsbError(systemError('EXDEV')).code, 'TSB_BUG')
})

test('a clean-up that fails as well does not hide why the work failed', async () => {
  const work = new TsbError('TSB_STEP_FAILED', 'step failed', { fault: 'step' })
  const thrown = await (async () => {
    await using _resource = { [Symbol.asyncDispose]: () => Promise.reject(systemError('ENOSPC')) }
    throw work
  })().catch((error: unknown) => error)
  assert.equal(toTsbError(thrown), work)
})
