import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** After so long nobody is writing any more whose end cannot be seen. */
const FOREIGN_AGE_MS = 3_600_000

/** Files of a directory that are on their way to their final names, and whoever wrote them is gone. `now`: milliseconds since 1970. */
export function halfWritten(directory: string, now: number): readonly string[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory)
    .filter((name) => name.endsWith('.tmp'))
    .map((name) => join(directory, name))
    .filter((path) => isAbandoned(path, now))
}

/**
 * By pid, which the name has after the pid namespace: native/crates/files/src/tree/write.rs. Whether a process of another namespace
 * lives cannot be seen: then the file's age tells.
 */
function isAbandoned(path: string, now: number): boolean {
  const [, namespace, pid] = /\.(?:(\d+)\.)?(\d+)-\d+\.tmp$/.exec(path) ?? []
  if (namespace === undefined || namespace === ownNamespace()) return pid === undefined || !existsSync(`/proc/${pid}`)
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat !== undefined && now - stat.mtimeMs > FOREIGN_AGE_MS
}

/** The inode of the pid namespace. */
function ownNamespace(): string {
  return String(statSync('/proc/self/ns/pid').ino)
}
