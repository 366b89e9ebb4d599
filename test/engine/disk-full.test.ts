import assert from 'node:assert/strict'
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { BUSYBOX_ROOT } from '../support/paths.ts'
import { mustRun } from '../support/process.ts'
import { openProject, type Project } from './project.ts'
import { storeFaults } from './store-check.ts'

/** A disk of 12 MB: the image takes half of it. */
const disk = mkdtempSync(join(tmpdir(), 'tsbuild-disk-'))
const skip = process.geteuid?.() === 0 ? false : 'only root can mount'
let project: Project

before(async () => {
  if (skip !== false) return
  await mustRun('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', disk])
  project = await openProject({
    'Run.Dockerfile': 'FROM busybox\nRUN head -c 30000000 /dev/zero > /zeros\n',
    'Copy.Dockerfile': 'FROM busybox\nCOPY big /\n',
    'Small.Dockerfile': 'FROM busybox\nRUN echo small > /small\n',
  })
  writeFileSync(join(project.directory, 'big'), Buffer.alloc(30_000_000, 'x'))
})
after(async () => {
  if (skip !== false) return
  await project[Symbol.asyncDispose]()
  await mustRun('umount', [disk])
  rmdirSync(disk)
})

const tsbuild = (...args: readonly string[]): ReturnType<Project['tsbuild']['run']> =>
  project.tsbuild.run(args, { env: { TSBUILD_ROOT: join(disk, 'store') } })
const build = (file: string): ReturnType<typeof tsbuild> => tsbuild('build', '-q', '-f', join(project.directory, file), project.directory)

test('a full disk is one error of its own wherever it strikes, and all works again once there is space', { skip }, async () => {
  assert.equal((await tsbuild('import', BUSYBOX_ROOT, 'busybox')).code, 0)
  for (const file of ['Run.Dockerfile', 'Copy.Dockerfile']) {
    const { code, stderr } = await build(file)
    assert.equal(code, 3, `${file}: ${stderr}`)
    assert.ok(stderr.includes('TSB_DISK_FULL'), `${file}: ${stderr}`)
    assert.deepEqual(storeFaults(join(disk, 'store')), [], file)
  }
  const filler = join(disk, 'filler')
  await mustRun('sh', ['-c', `head -c 30000000 /dev/zero > ${filler} 2>/dev/null || true`])
  for (const args of [
    ['run', 'busybox', 'true'],
    ['import', BUSYBOX_ROOT, 'other'],
  ]) {
    const { code, stderr } = await tsbuild(...args)
    assert.equal(code, args[0] === 'run' ? 125 : 3, `${args.join(' ')}: ${stderr}`)
    assert.ok(stderr.includes('TSB_DISK_FULL'), stderr)
  }
  rmSync(filler)
  const { code, stderr } = await build('Small.Dockerfile')
  assert.equal(code, 0, stderr)
  assert.deepEqual(storeFaults(join(disk, 'store')), [])
})
