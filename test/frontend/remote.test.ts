import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTsbError } from '../../core/error.ts'
import { type GitReference, parseGit } from '../../frontend/remote.ts'

const NOTHING = { ref: '', subdir: '', submodules: true, mtime: 'checkout', shorthand: false }

const CASES: readonly (readonly [text: string, expected: Partial<GitReference> | undefined])[] = [
  ['https://host/a.git', { remote: 'https://host/a.git' }],
  ['http://host:81/a/b.git#x', { remote: 'http://host:81/a/b.git', ref: 'x' }],
  ['https://host/a.git#:sub/dir', { remote: 'https://host/a.git', subdir: 'sub/dir' }],
  ['https://host/a.git#feature/x:sub:dir', { remote: 'https://host/a.git', ref: 'feature/x', subdir: 'sub:dir' }],
  ['https://host/a.git#a%20b', { remote: 'https://host/a.git', ref: 'a b' }],
  ['https://host/a.git?ref=x&subdir=y', { remote: 'https://host/a.git', ref: 'x', subdir: 'y' }],
  ['https://host/a.git?tag=v1', { remote: 'https://host/a.git', ref: 'refs/tags/v1' }],
  ['https://host/a.git?tag=refs/tags/v1', { remote: 'https://host/a.git', ref: 'refs/tags/v1' }],
  ['https://host/a.git?branch=main#refs/heads/main', { remote: 'https://host/a.git', ref: 'refs/heads/main' }],
  ['https://host/a.git?commit=abc', { remote: 'https://host/a.git', ref: 'abc', checksum: 'abc' }],
  ['https://host/a.git?checksum=abc#main', { remote: 'https://host/a.git', ref: 'main', checksum: 'abc' }],
  ['https://host/a.git?keep-git-dir', { remote: 'https://host/a.git', keepGitDir: true }],
  ['https://host/a.git?keep-git-dir=0&submodules=F', { remote: 'https://host/a.git', keepGitDir: false, submodules: false }],
  ['https://host/a.git?mtime=commit', { remote: 'https://host/a.git', mtime: 'commit' }],
  ['https://host/a.git?fetch-by-commit=true', { remote: 'https://host/a.git' }],
  ['https://user:word@host/a.git', { remote: 'https://user:word@host/a.git' }],
  ['git://host/a#x', { remote: 'git://host/a', ref: 'x' }],
  ['ssh://git@host:22/a', { remote: 'ssh://git@host:22/a' }],
  ['git@host:a/b', { remote: 'git@host:a/b' }],
  ['git@host:a/b.git?branch=x', { remote: 'git@host:a/b.git', ref: 'refs/heads/x' }],
  ['me@host.example:a.git#x:y', { remote: 'me@host.example:a.git', ref: 'x', subdir: 'y' }],
  ['github.com/a/b', { remote: 'https://github.com/a/b', shorthand: true }],
  ['github.com/a/b#x', { remote: 'https://github.com/a/b', ref: 'x', shorthand: true }],
  ['https://host/a', undefined],
  ['https://host/a.git/b', undefined],
  ['https://host/a?x=.git', undefined],
  ['./git@host:a', undefined],
  ['../a.git', undefined],
  ['a.git', undefined],
  ['file:///a.git', undefined],
  ['ftp://host/a.git', undefined],
  ['dir/git@host', undefined],
]

for (const [text, expected] of CASES) {
  test(text, () => assert.deepEqual(parseGit(text), expected === undefined ? undefined : { ...NOTHING, ...expected }))
}

for (const text of [
  'https://host/a.git?ref=x#y',
  'https://host/a.git?subdir=x#:y',
  'https://host/a.git?tag=x#x',
  'https://host/a.git?tag=x&branch=x',
  'https://host/a.git?ref=x&ref=x',
  'https://host/a.git?what=x',
  'https://host/a.git?submodules=maybe',
  'https://user:hidden@host/a.git?mtime=never',
  'git@host:a?keep-git-dir=2',
]) {
  test(`${text} is refused`, () => {
    assert.throws(
      () => parseGit(text),
      (error) => isTsbError(error) && error.code === 'TSB_GIT_URL' && !error.message.includes('hidden'),
    )
  })
}
