import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { REPOSITORY } from '../support/paths.ts'
import { sourceFiles } from './sources.ts'

const ROOMS = ['core', 'frontend', 'registry', 'store', 'executor', 'snapshotter', 'solver', 'exporter', 'engine', 'cli', 'native']

function codesIn(text: string): readonly string[] {
  return text.match(/\bTSB_[A-Z0-9]+(?:_[A-Z0-9]+)*\b(?!_)/g) ?? []
}

test('every error code has a line in docs/errors.md, and every line a code', () => {
  const sources = ['.ts', '.rs']
    .flatMap((extension) => sourceFiles(ROOMS, extension))
    .filter(({ path }) => !/\/tests?(\/|\.rs$)/.test(path))
  const used = new Set(sources.flatMap(({ lines }) => codesIn(lines.join('\n'))))
  const documented = new Set(codesIn(readFileSync(join(REPOSITORY, 'docs/errors.md'), 'utf8')))
  assert.deepEqual([...used].filter((code) => !documented.has(code)).sort(), [], 'undocumented')
  assert.deepEqual([...documented].filter((code) => !used.has(code)).sort(), [], 'documented and unused')
})
