import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { openArchive } from '../tools/compare/archive.ts'
import { openProject } from './project.ts'

test('layers of a base that came unpacked leave with the diffIDs that the config says', { timeout: 60_000 }, async () => {
  await using project = await openProject({ Dockerfile: 'FROM busybox\nCOPY a /a\n', a: 'a' })
  const file = join(project.directory, 'image.tar')
  for (const round of ['first', 'from the cache']) {
    await project.tsbuild.must(['build', '--output', `type=docker,dest=${file}`, project.directory])
    const archive = await openArchive(file)
    const [image] = JSON.parse((await archive.read('manifest.json')).toString()) as [{ Config: string; Layers: string[] }]
    const config = JSON.parse((await archive.read(image.Config)).toString()) as { rootfs: { diff_ids: string[] } }
    const diffIds = await Promise.all(image.Layers.map(async (layer) => diffIdOf(await archive.read(layer))))
    assert.deepEqual(diffIds, config.rootfs.diff_ids, round)
    assert.equal(diffIds.length, 2)
  }
})

function diffIdOf(blob: Buffer): string {
  const tar = blob.readUInt16BE(0) === 0x1f8b ? gunzipSync(blob) : blob
  return `sha256:${createHash('sha256').update(tar).digest('hex')}`
}
