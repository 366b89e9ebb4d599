import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTsbError } from '../../core/error.ts'
import { hasWildcard, matchComponent, patternToRegex } from '../../core/pattern.ts'

/** [pattern, name, matches] as Go's `filepath.Match` says, component by component. */
const COMPONENTS: readonly (readonly [string, string, boolean])[] = [
  ['abc', 'abc', true],
  ['*', 'abc', true],
  ['*', '.hidden', true],
  ['*c', 'abc', true],
  ['a*', 'a', true],
  ['a*', 'ba', false],
  ['a*b*c', 'axbxc', true],
  ['*.js', '.js', true],
  ['**', 'x', true],
  ['a**b', 'axyb', true],
  ['?', 'é', true],
  ['?', '🙂', true],
  ['??', 'a', false],
  ['ab[c]', 'abc', true],
  ['ab[b-d]', 'abc', true],
  ['ab[e-g]', 'abc', false],
  ['ab[^c]', 'abc', false],
  ['ab[^e-g]', 'abc', true],
  ['[!a]', '!', true],
  ['[!a]', 'b', false],
  ['[\\^a]', '^', true],
  ['[\\^a]', 'b', false],
  ['[\\^]', '^', true],
  ['[^\\^]', '^', false],
  ['[a\\]]', ']', true],
  ['[\\-x]', '-', true],
  ['[x\\-]', 'z', false],
  ['[\\-x]', 'a', false],
  ['[&]', '&', true],
  ['[a&&b]', 'b', true],
  ['[a&&b]', '&', true],
  ['[[:alpha:]]', ':]', true],
  ['[[:alpha:]]', 'a', false],
  ['a\\*', 'a*', true],
  ['a\\*', 'ab', false],
  ['{a,b}', 'a', false],
  ['{a,b}', '{a,b}', true],
  ['!x', '!x', true],
  ['#x', '#x', true],
  ['+(a)', '+(a)', true],
  ['+(a)', 'aa', false],
  ['@(a)', '@(a)', true],
  ['a.b', 'axb', false],
  ['$^|()', '$^|()', true],
  ['\\-', '-', true],
  ['a-b*', 'a-bc', true],
  ['[a.]x', '.x', true],
  ['[🙂-🙃]', '🙃', true],
  ['[🙂-🙃]', '🙂', true],
  ['[^🙂]', '🙃', true],
  ['[\uE000]x', '\uE000x', true],
  ['[a]\uE000', 'a\uE000', true],
  ['[a]\uE000[b]', 'a\uE000b', true],
  ['[&-~]', 'b', true],
  ['\\<', '<', true],
]

for (const [pattern, name, expected] of COMPONENTS) {
  test(`${pattern} ${expected ? 'matches' : 'does not match'} ${name}`, () => {
    assert.equal(matchComponent(pattern, name), expected)
  })
}

/** [pattern, path, matches] as moby's `patternmatcher` says for a whole path. */
const PATHS: readonly (readonly [string, string, boolean])[] = [
  ['**', 'a/b', true],
  ['**/', 'a', true],
  ['**/**', 'a', true],
  ['dir/**', 'dir/a/b', true],
  ['dir/**', 'dir', false],
  ['**/dir', 'dir', true],
  ['**/dir', 'a/b/dir', true],
  ['**/dir', 'a/bdir', false],
  ['**/dir2/*', 'dir/dir2/file', true],
  ['**/dir2/*', 'dir/dir2/a/b', false],
  ['a/**/b', 'a/b', true],
  ['a/**/b', 'a/x/y/b', true],
  ['a**/b', 'a/b', true],
  ['a**b', 'ax/b', true],
  ['a***b', 'aqb', true],
  ['*', 'a/b', false],
  ['*/b', 'a/b', true],
  ['*.md', 'x.md', true],
  ['*.md', '.md', true],
  ['a?c', 'a/c', false],
  ['[a-c]/x', 'b/x', true],
  ['a.c', 'abc', false],
  ['node_modules', 'node_modules', true],
  ['ab\\*', 'ab*', true],
]

for (const [pattern, path, expected] of PATHS) {
  test(`ignore pattern ${pattern} ${expected ? 'matches' : 'does not match'} ${path}`, () => {
    assert.equal(new RegExp(patternToRegex(pattern), 'u').test(path), expected)
  })
}

test('expressions are plain: no look-around, no needless escapes', () => {
  for (const [pattern] of [...COMPONENTS, ...PATHS]) {
    const regex = patternToRegex(pattern)
    assert.doesNotMatch(regex, /\(\?[!=<]|\\u|\\[,#/!@ &~]|&&|--|~~/, `${pattern} became ${regex}`)
  }
})

for (const pattern of ['[', '[a', '[]a]', '[-x]', '[x-]', '[a-', 'a\\', '[^]']) {
  test(`${pattern} is refused`, () => {
    assert.throws(
      () => matchComponent(pattern, 'a'),
      (error) => isTsbError(error) && error.code === 'TSB_PATTERN_INVALID',
    )
    assert.throws(
      () => patternToRegex(`x/${pattern}`),
      (error) => isTsbError(error) && error.code === 'TSB_PATTERN_INVALID',
    )
  })
}

test('a range that ends before it begins has nothing in it, and is no regular expression', () => {
  assert.deepEqual(
    ['[z-a]', '[^z-a]', '[z-am]'].map((pattern) => matchComponent(pattern, 'm')),
    [false, true, true],
  )
  assert.throws(
    () => patternToRegex('x/[z-a]'),
    (error) => isTsbError(error) && error.code === 'TSB_PATTERN_INVALID',
  )
})

test('wildcards are seen unless escaped', () => {
  assert.deepEqual(['/a/*', '/a?', '/[a]', '/a\\*', '/a', '/a\\\\*'].map(hasWildcard), [true, true, true, false, false, true])
})
