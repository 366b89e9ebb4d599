import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
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

test('a damaged blob goes into no archive, layout or registry, and the next command has it anew', { skip: registryMissing() }, async () => {
  await using registry = await startRegistry()
  const name = `${registry.host}/base:1`
  await using project = await openProject({ Dockerfile: 'FROM busybox\nCOPY Dockerfile /base\n' })
  await project.tsbuild.must(['build', '-q', '-t', name, '--push', project.directory])
  await using other = await openTsbuild()
  project.write({ Dockerfile: `FROM ${name}\nRUN echo app > /app\n`, '.dockerignore': 'out*' })
  const out = join(project.directory, 'out')
  const build = ['build', '-q', '-t', 'app', project.directory]
  await other.must([...build, '-o', 'type=image', '-o', `type=oci,dest=${out}`])
  const expected = readFileSync(out)
  const archives = [
    ['save', '--format', 'oci', '-o', out, 'app'],
    [...build, '-o', `type=oci,dest=${out}`],
  ]
  const layout = [...build, '-o', `type=oci,tar=false,dest=${out}`]
  const push = [...build, '-o', `type=image,name=${registry.host}/fresh:1,push=true`]
  for (const command of [...archives, ['save', '-o', out, name], layout, push]) {
    rmSync(out, { recursive: true, force: true })
    damageLayers(other.root)
    const refused = await other.run(command)
    assert.match(refused.stderr, /\[TSB_BLOB_DIGEST\]/)
    assert.equal(refused.code, 3)
    assert.equal(existsSync(join(out, 'index.json')), false)
    assert.equal(statSync(out, { throwIfNoEntry: false })?.isFile() ?? false, false)
    await other.must(command)
    if (archives.includes(command)) assert.ok(readFileSync(out).equals(expected))
  }
})

/** Other bytes, same size, in every blob that is no document. */
function damageLayers(root: string): void {
  const folder = join(root, 'oci/blobs/sha256')
  for (const name of readdirSync(folder)) {
    const bytes = readFileSync(join(folder, name))
    if (bytes[0] === 0x7b) continue
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
    writeFileSync(join(folder, name), bytes)
  }
}
