import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const SIZE = 24 * 2 ** 30

/**
 * Where stores and contexts are kept: a fresh journaled ext4 in a loop file when we are root, or the folder given.
 * An ext4 without journal creates files slowly after a mass deletion, which would measure the kernel and not the builder.
 */
export function openDisk(folder) {
  const work = mkdtempSync(join(folder ?? '/var/tmp', 'tsbuild-bench-'))
  if (folder !== undefined || process.getuid() !== 0) {
    return { path: work, description: 'the file system as it is', close: () => rmSync(work, { recursive: true, force: true }) }
  }
  const [image, mount] = [join(work, 'disk.ext4'), join(work, 'disk')]
  writeFileSync(image, '')
  truncateSync(image, SIZE)
  mkdirSync(mount)
  try {
    must('mkfs.ext4', ['-q', '-F', image])
    must('mount', ['-o', 'loop', image, mount])
  } catch (error) {
    rmSync(work, { recursive: true, force: true })
    throw error
  }
  const close = () => {
    must('umount', [mount])
    rmSync(work, { recursive: true, force: true })
  }
  return { path: mount, description: 'a journaled ext4 in a loop file (docker: its own disk)', close }
}

function must(command, args) {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${[command, ...args].join(' ')}: ${error?.message ?? stderr.trim()}`)
}
