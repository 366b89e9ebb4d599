import assert from 'node:assert/strict'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openProject, type Project } from './project.ts'

test('a layer whose directory somebody removed is missed at once, and made again by the next build', async () => {
  await using project = await openProject({ Dockerfile: 'FROM busybox\nRUN echo one > /one\nRUN echo two > /two\n' })
  const { tsbuild, directory } = project
  await tsbuild.must(['build', '-q', '-t', 'app', directory])
  for (const path of ['one', 'two', 'bin']) {
    rmSync(layerWith(project, path), { recursive: true })
    const lost = await tsbuild.run(['run', '--rm', '--network', 'none', 'app', 'cat', '/one', '/two'])
    assert.equal(lost.code, 125)
    assert.match(lost.stderr, /\[TSB_BLOB_MISSING\]/)
    await tsbuild.must(['build', '-q', '-t', 'app', directory])
    assert.equal(await tsbuild.must(['run', '--rm', '--network', 'none', 'app', 'cat', '/one', '/two']), 'one\ntwo\n')
  }
})

test('an image that has its blobs is unpacked again when a layer of it is gone', async () => {
  await using project = await openProject({})
  rmSync(layerWith(project, 'bin'), { recursive: true })
  assert.equal(await project.tsbuild.must(['run', '--rm', '--network', 'none', 'busybox', 'echo', 'here']), 'here\n')
})

/** The directory of the layer that has a path. */
function layerWith({ tsbuild }: Project, path: string): string {
  const layers = join(tsbuild.root, 'layers')
  const id = readdirSync(layers).find((layer) => readdirSync(join(layers, layer, 'diff')).includes(path))
  assert.ok(id)
  return join(layers, id)
}
