import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isTsbError } from '../../core/error.ts'
import { expand } from '../../frontend/expand.ts'
import { CASES } from './case-file.ts'

const VARIABLES: Readonly<Record<string, string>> = { A: 'xyzxyz', E: '', H: 'a/b/c.tar.gz' }
const lookup = (name: string): string | undefined => VARIABLES[name]

const rows = readFileSync(join(CASES, 'expand.table'), 'utf8').split('\n')
for (const row of rows.filter((line) => line !== '' && !line.startsWith('#'))) {
  const [text = '', result = ''] = row.split(/ => ?/)
  test(`expansion of ${text} is ${result === '!' ? 'refused' : `'${result}'`}`, () => {
    if (result !== '!') return assert.equal(expand(text, lookup, { escape: '\\' }).text, result)
    assert.throws(
      () => expand(text, lookup, { escape: '\\' }),
      (error) => isTsbError(error) && error.code === 'TSB_DOCKERFILE_SUBSTITUTION',
    )
  })
}

test('words split where blanks are neither quoted nor escaped, also those of a variable', () => {
  const words = (text: string): readonly string[] => expand(text, (name) => (name === 'V' ? ' 1  2 ' : undefined), { escape: '\\' }).words
  assert.deepEqual(words('a$V b'), ['a', '1', '2', 'b'])
  assert.deepEqual(words('a"$V"b'), ['a 1  2 b'])
  assert.deepEqual(words("'a b' c\\ d"), ['a b', 'c d'])
  assert.deepEqual(words('$N'), [])
  assert.deepEqual(words('""'), [''])
  assert.deepEqual(words('${N:-x y}'), ['x', 'y'])
  assert.deepEqual(words('a  b'), ['a', 'b'])
})

test('another escape character leaves the backslash alone', () => {
  assert.equal(expand('C:\\d\\$A `$A "`"" \'`\'', lookup, { escape: '`' }).text, 'C:\\d\\xyzxyz $A " `')
})

test('every variable is asked for, also where the form provides for its absence or is none', () => {
  const asked: string[] = []
  const lookUp = (name: string): undefined => void asked.push(name)
  expand('$N ${M} ${K:-x} ${L+x} $N ${P#x}', lookUp, { escape: '\\' })
  assert.deepEqual([...new Set(asked)], ['N', 'M', 'K', 'L', 'P'])
  assert.throws(() => expand('${Q:x}', lookUp, { escape: '\\' }))
  assert.equal(asked.at(-1), 'Q')
})

test('texts for display keep quotes and unset variables', () => {
  const options = { escape: '\\', keepQuotes: true, keepUnset: true }
  assert.equal(expand('"$A" \'$A\' $N ${N} ${N:-x} ${N/a/b} \\$A', lookup, options).text, '"xyzxyz" \'$A\' $N ${N} ${N:-x} ${N/a/b} $A')
})
