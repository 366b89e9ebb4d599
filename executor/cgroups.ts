import { readdir, rmdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { cgroupName } from './plan.ts'

const MOUNT_POINT = '/sys/fs/cgroup'

/** Younger ones may belong to a container that is just being made and has no process yet. */
const MIN_AGE_MS = 10_000

/**
 * Removes cgroups that a killed runner left: those with our name, without a process, and not new at `now`
 * (milliseconds since 1970). Whatever cannot be read or removed stays; it is not worth an error.
 */
export async function sweepCgroups(now: number): Promise<void> {
  // Version 2 has its groups at the mount point, version 1 one level below, a hierarchy each.
  const roots = [MOUNT_POINT, ...(await directoriesIn(MOUNT_POINT))]
  await Promise.all(roots.map((root) => sweep(root, now)))
}

async function sweep(root: string, now: number): Promise<void> {
  const ours = (await directoriesIn(root)).filter((path) => path.startsWith(join(root, cgroupName(''))))
  for (const path of ours) {
    const age = await stat(path).then(
      ({ mtimeMs }) => now - mtimeMs,
      () => 0,
    )
    if (age > MIN_AGE_MS) await removeTree(path)
  }
}

/** The kernel refuses to remove a group that has processes. */
async function removeTree(path: string): Promise<void> {
  for (const child of await directoriesIn(path)) await removeTree(child)
  await rmdir(path).catch(() => undefined)
}

async function directoriesIn(path: string): Promise<readonly string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(path, entry.name))
}
