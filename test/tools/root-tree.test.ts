import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { RootTree } from './compare/root-tree.ts'
import type { TarHeader, TarType } from './compare/tar-reader.ts'

describe('RootTree', () => {
  test('a whiteout hides what is below, and only that', () => {
    assert.deepEqual(
      flatten([
        [file('a/x'), file('a/y')],
        [file('a/z'), file('a/.wh.x')],
      ]),
      ['/a', '/a/y', '/a/z'],
    )
  })

  test('a whiteout of a directory takes what is in it along', () => {
    assert.deepEqual(flatten([[file('a/b/c'), file('a/d')], [file('a/.wh.b')]]), ['/a', '/a/d'])
  })

  test('an opaque directory hides its lower content, wherever the mark stands', () => {
    const lower = [file('a/x'), file('a/b/y')]
    assert.deepEqual(flatten([lower, [file('a/new'), file('a/b/new'), file('a/.wh..wh..opq')]]), ['/a', '/a/b', '/a/b/new', '/a/new'])
    assert.deepEqual(flatten([lower, [file('a/.wh..wh..opq'), file('a/new')]]), ['/a', '/a/new'])
  })

  test('a directory over a directory keeps the children; a file over a directory does not', () => {
    assert.deepEqual(flatten([[file('a/x')], [entry('a', 'directory')]]), ['/a', '/a/x'])
    assert.deepEqual(flatten([[file('a/x')], [file('a')]]), ['/a'])
  })

  test('hard links share a file, also with a lower layer', () => {
    const tree = build([[file('a')], [{ ...entry('b', 'hardlink'), linkTarget: 'a' }]])
    const [, a, b] = tree.entries()
    assert.equal(a?.[1], b?.[1])
  })

  test('a hard link to nothing is an error', () => {
    assert.throws(() => build([[{ ...entry('b', 'hardlink'), linkTarget: 'a' }]]))
  })

  test('entries behind a symbolic link land where it leads, never above the root', () => {
    const link = { ...entry('bin', 'symlink'), linkTarget: '/../usr/bin' }
    assert.deepEqual(flatten([[entry('usr/bin', 'directory'), link], [file('bin/ls')]]), ['/bin', '/usr', '/usr/bin', '/usr/bin/ls'])
  })
})

function flatten(layers: readonly (readonly TarHeader[])[]): string[] {
  return build(layers)
    .entries()
    .map(([path]) => path)
    .slice(1)
}

function build(layers: readonly (readonly TarHeader[])[]): RootTree {
  const tree = new RootTree()
  for (const layer of layers) {
    tree.nextLayer()
    for (const header of layer) tree.add(header)
  }
  return tree
}

function file(name: string): TarHeader {
  return entry(name, 'file')
}

function entry(name: string, type: TarType): TarHeader {
  return { name, type, mode: 0o644, uid: 0, gid: 0, size: 0, linkTarget: '', device: '', mtime: '0', xattrs: {} }
}
