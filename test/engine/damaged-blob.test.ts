import assert from 'node:assert/strict'
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { registryMissing, startRegistry } from '../support/registry.ts'
import { openTsbuild } from '../support/tsbuild.ts'
import { openProject } from './project.ts'

test('a base of many layers is pulled without a word on stderr, and a damaged blob is fetched again', {
  skip: registryMissing(),
}, async () => {
  await using registry = await startRegistry()
  const name = `${registry.host}/base:1`
  const names = Array.from({ length: 15 }, (_, n) => `file${n}`)
  await using project = await openProject({
    Dockerfile: `FROM busybox\n${names.map((file) => `COPY ${file} /d/\n`).join('')}`,
    ...Object.fromEntries(names.map((file) => [file, `content of ${file}\n`])),
  })
  await project.tsbuild.must(['build', '-q', '-o', `type=image,name=${name},push=true`, project.directory])
  await using other = await openTsbuild()
  const ran = await other.run(['run', '--network', 'none', name, 'cat', '/d/file14'])
  assert.deepEqual(ran, { code: 0, stdout: 'content of file14\n', stderr: '' })
  for (const folder of ['layers', 'work', 'tsbuild.db', 'tsbuild.db-wal', 'tsbuild.db-shm']) {
    rmSync(join(other.root, folder), { recursive: true, force: true })
  }
  const blobs = join(other.root, 'oci/blobs/sha256')
  const largest = readdirSync(blobs).sort((a, b) => statSync(join(blobs, b)).size - statSync(join(blobs, a)).size)[0] ?? ''
  writeFileSync(join(blobs, largest), 'damaged')
  const again = await other.run(['run', '--network', 'none', name, 'cat', '/d/file14'])
  assert.deepEqual(again, { code: 0, stdout: 'content of file14\n', stderr: '' })
})
