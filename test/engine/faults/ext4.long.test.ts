import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { leftovers } from '../../support/leftovers.ts'
import { BUSYBOX_ROOT } from '../../support/paths.ts'
import { mustRun } from '../../support/process.ts'
import { openProject } from '../project.ts'
import { storeFaults } from '../store-check.ts'

/** KiB left when the build starts. */
const ROOM = [0, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 400, 512, 700, 1024, 2048] as const
const skip = process.geteuid?.() === 0 ? false : 'only root can mount'

test('ext4, which finds out late that it is full, is treated like any disk', { skip, timeout: 600_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tsbuild-ext4-'))
  const [image, disk] = [join(folder, 'image'), join(folder, 'disk')]
  const root = join(disk, 'store')
  const filler = join(disk, 'filler')
  writeFileSync(image, '')
  truncateSync(image, 40 << 20)
  mkdirSync(disk)
  await mustRun('mkfs.ext4', ['-q', '-F', '-m', '0', image])
  await mustRun('mount', ['-o', 'loop', image, disk])
  try {
    await using project = await openProject({
      Dockerfile: 'FROM busybox\nARG N\nCOPY words /\nRUN --network=none head -c 400000 /dev/urandom > /noise; echo $N\n',
    })
    const env = { TSBUILD_ROOT: root }
    const build = (n: string): ReturnType<typeof project.tsbuild.run> =>
      project.tsbuild.run(['build', '-q', '--build-arg', `N=${n}`, project.directory], { env })
    await project.tsbuild.must(['import', BUSYBOX_ROOT, 'busybox'], { env })
    let failures = 0
    for (const kilobytes of ROOM) {
      writeFileSync(join(project.directory, 'words'), randomBytes(300_000))
      const { bavail, bsize } = statfsSync(disk)
      await mustRun('sh', ['-c', `head -c ${bavail * bsize - kilobytes * 1024} /dev/zero > ${filler} || true`])
      const { code, stderr } = await build(`${kilobytes}`)
      if (code !== 0) {
        failures += 1
        assert.equal(code, 3, `${kilobytes} KiB: ${stderr}`)
        assert.equal(stderr.match(/\[TSB_[A-Z_]+\]/g)?.join(), '[TSB_DISK_FULL]', `${kilobytes} KiB: ${stderr}`)
      }
      rmSync(filler)
      const next = await build(`${kilobytes} again`)
      assert.equal(next.code, 0, `${kilobytes} KiB: ${next.stderr}`)
      assert.deepEqual([...(await storeFaults(root)), ...(await leftovers(root)).filter((left) => !/^mount: /.test(left))], [])
    }
    assert.ok(failures > 5, `${failures} failures`)
  } finally {
    await mustRun('umount', [disk])
    rmSync(folder, { recursive: true })
  }
})
