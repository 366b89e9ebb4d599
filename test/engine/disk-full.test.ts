import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { imageHandler } from '../registry/support.ts'
import { startServer } from '../support/http-server.ts'
import { makeImage } from '../support/images.ts'
import { leftovers } from '../support/leftovers.ts'
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
    assert.deepEqual(await storeFaults(join(disk, 'store')), [], file)
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
  assert.deepEqual(await storeFaults(join(disk, 'store')), [])
})

/** KiB left when the command starts: from nothing at all to enough, so that every kind of write is the one that fails. */
const ROOM = [0, 8, 24, 48, 80, 128, 256, 512, 1024, 3072] as const

test('whichever write fails first, nothing half done stays, and all works with more space', { skip, timeout: 300_000 }, async (t) => {
  const root = join(disk, 'store')
  const [filler, archive] = [join(disk, 'filler'), join(disk, 'saved.tar')]
  const dockerfile = (round: number): string => `FROM busybox\nCOPY words /\nRUN head -c 400000 /dev/urandom > /noise; echo ${round}\n`
  let failures = 0
  for (const [round, kilobytes] of ROOM.entries()) {
    project.write({ 'Sweep.Dockerfile': dockerfile(round), words: `${round} ${'word '.repeat(80_000)}` })
    const { bavail, bsize } = statfsSync(disk)
    await mustRun('sh', ['-c', `head -c ${Math.max(0, bavail * bsize - kilobytes * 1024)} /dev/zero > ${filler}`])
    for (const args of [
      ['build', '-q', '-t', `sweep:${round}`, '-f', join(project.directory, 'Sweep.Dockerfile'), project.directory],
      ['save', '-o', archive, 'busybox'],
    ]) {
      const { code, stderr } = await tsbuild(...args)
      t.diagnostic(`${kilobytes} KiB: ${args[0]} ends with ${code}`)
      if (code === 0) continue
      failures += 1
      assert.equal(code, 3, `${kilobytes} KiB: ${stderr}`)
      assert.match(stderr, /^error: .*\[TSB_DISK_FULL\]$/m, `${kilobytes} KiB`)
      assert.equal(stderr.match(/^error/gim)?.length, 1, stderr)
      assert.match(stderr, /^hint: /m, `${kilobytes} KiB`)
      assert.equal(args[0] === 'save' && existsSync(archive), false, 'half an archive')
    }
    for (const file of [filler, archive]) rmSync(file, { force: true })
    // Rows can stay where even their removal found no room: the next process sees that their owner is dead.
    const faults = (await storeFaults(root)).filter((fault) => !/^(?:lease|claim|pin)-dead /.test(fault))
    assert.deepEqual([...faults, ...(await leftovers(root))], [], `${kilobytes} KiB`)
    const after = await tsbuild('build', '-q', '--no-cache', '-f', join(project.directory, 'Small.Dockerfile'), project.directory)
    assert.equal(after.code, 0, after.stderr)
    assert.deepEqual(await storeFaults(root), [], `${kilobytes} KiB`)
  }
  assert.ok(failures > 4, `${failures} failures`)
})

test('a base that does not fit is one error, and one that fits is pulled afterwards', { skip, timeout: 120_000 }, async () => {
  const root = join(disk, 'pulled')
  for (const [megabytes, code] of [
    [20, 3],
    [1, 0],
  ] as const) {
    const image = await makeImage({ files: [['noise', randomBytes(megabytes << 20)]] })
    await using server = await startServer(imageHandler([image]))
    project.write({ 'Pull.Dockerfile': `FROM ${server.host}/app:1\nCOPY Small.Dockerfile /\n` })
    const built = await project.tsbuild.run(['build', '-q', '-f', join(project.directory, 'Pull.Dockerfile'), project.directory], {
      env: { TSBUILD_ROOT: root },
    })
    assert.equal(built.code, code, built.stderr)
    assert.equal(built.stderr.match(/TSB_[A-Z_]+/g)?.join() ?? '', code === 0 ? '' : 'TSB_DISK_FULL', built.stderr)
    assert.deepEqual([...(await storeFaults(root)), ...(await leftovers(root))], [])
  }
})
