import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTsbError } from '../../core/error.ts'
import { ignoredBy, parseIgnore } from '../../frontend/index.ts'

const parse = (text: string): ReturnType<typeof parseIgnore> => parseIgnore({ name: '.dockerignore', text })

/** [ignore file, path, pattern that excludes it] */
const TABLE: readonly (readonly [string, string, string | undefined])[] = [
  ['a', 'a', 'a'],
  ['a', '/a/b/c', 'a'],
  ['a', 'b/a', undefined],
  ['/a', 'a', '/a'],
  ['a/', 'a', 'a/'],
  ['./a//b/../c', 'a/c', './a//b/../c'],
  ['  a\t', 'a', 'a'],
  ['a\r\nb\r\n', 'b', 'b'],
  ['\uFEFFa', 'a', 'a'],
  ['#a', '#a', undefined],
  [' #a', '#a', '#a'],
  ['*.md', 'x.md', '*.md'],
  ['*.md', 'd/x.md', undefined],
  ['**/*.md', 'x.md', '**/*.md'],
  ['**/*.md', 'd/e/x.md', '**/*.md'],
  ['*', '.git', '*'],
  ['*/t*', 'a/tmp/x', '*/t*'],
  ['d/**', 'd', undefined],
  ['d/**', 'd/x', 'd/**'],
  ['*\n!a', 'a', undefined],
  ['*\n!a', 'a/b', undefined],
  ['*\n!a/b', 'a', '*'],
  ['*\n!a/b', 'a/b', undefined],
  ['*\n!a/b', 'a/c', '*'],
  ['*\n!a\na/c', 'a/c', 'a/c'],
  ['*\n! a', 'a', undefined],
  ['!/a\na', 'a', 'a'],
  ['a\n!/a', 'a', undefined],
  ['te?t', 'test', 'te?t'],
  ['[ab]', 'b', '[ab]'],
  ['\\#a', '#a', '\\#a'],
  ['***.md', 'a/b.md', '***.md'],
  ['a/***', 'a/b/c', 'a/***'],
  ['**3.txt', 'a/b/3.txt', '**3.txt'],
  ['**3.txt', 'a/b/x3.txt', '**3.txt'],
  ['**3*.txt', 'a/b/x3.txt', undefined],
  ['a/**3.txt', 'a/b/x3.txt', undefined],
  ['*\n!*/*', 'a/b', undefined],
  ['*\n!*/*', 'a', '*'],
  ['[!#]*', '!x', '[!#]*'],
  ['[!#]*', 'x', undefined],
  ['{x1,x2}', 'x1', undefined],
  ['?', '🙂', '?'],
  ['../a', 'a', undefined],
  ['/', 'a', undefined],
]

for (const [text, path, expected] of TABLE) {
  test(`${JSON.stringify(text)} ${expected === undefined ? 'keeps' : 'excludes'} ${path}`, () => {
    assert.equal(ignoredBy(parse(text), path)?.pattern, expected)
  })
}

test('rules carry their line, and what the scanner needs', () => {
  const { rules } = parse('# one\n\na.b\n!c\n')
  assert.deepEqual(rules, [
    { regex: '^a\\.b$', negated: false, pattern: 'a.b', line: 3 },
    { regex: '^c$', negated: true, pattern: '!c', line: 4 },
  ])
})

test('bad lines are refused together, each at its place', () => {
  assert.throws(
    () => parse('a\n!\n[\n  b['),
    (error) => {
      assert.ok(isTsbError(error))
      assert.equal(error.code, 'TSB_IGNORE_INVALID')
      assert.equal(error.fault, 'input')
      const places = error.diagnostics.map(({ spans }) => `${spans[0]?.start.line}:${spans[0]?.start.column}`)
      assert.deepEqual(places, ['2:1', '3:1', '4:3'])
      return true
    },
  )
})
