import { existsSync, readlinkSync } from 'node:fs'
import { readdir, rmdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import process from 'node:process'
import { GROUP_PREFIX } from './plan.ts'

const MOUNT_POINT = '/sys/fs/cgroup'

/** Younger ones may belong to a container that is just being made and has no process yet, unless their owner is gone. */
const MIN_AGE_MS = 10_000

/** What the cgroups of this process's containers are called after: its pid namespace, and its pid in that. */
export function groupOwner(): string {
  return `${pidNamespace()}.${process.pid}`
}

/**
 * Removes cgroups that a killed runner left: those with our name, without a process, whose owner is gone or that are not new at `now`
 * (milliseconds since 1970). Whatever cannot be read or removed stays; it is not worth an error.
 */
export async function sweepCgroups(now: number): Promise<void> {
  // Version 2 has its groups at the mount point, version 1 one level below, a hierarchy each.
  const roots = [MOUNT_POINT, ...(await directoriesIn(MOUNT_POINT))]
  await Promise.all(roots.map((root) => sweep(root, now)))
}

async function sweep(root: string, now: number): Promise<void> {
  const ours = (await directoriesIn(root)).filter((path) => basename(path).startsWith(GROUP_PREFIX))
  for (const path of ours) {
    const age = await stat(path).then(
      ({ mtimeMs }) => now - mtimeMs,
      () => 0,
    )
    if (age > MIN_AGE_MS || isOrphan(basename(path))) await removeTree(path)
  }
}

/** Whether whoever made it is known to live no more: a process of another pid namespace is not known at all. */
function isOrphan(name: string): boolean {
  const [namespace, pid] = (/^([0-9]+\.[0-9]+)-/.exec(name.slice(GROUP_PREFIX.length))?.[1] ?? '').split('.')
  return namespace === pidNamespace() && !existsSync(`/proc/${pid}`)
}

/** Its inode. */
function pidNamespace(): string {
  return /[0-9]+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? ''
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
