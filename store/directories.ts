import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/**
 * Makes a directory and its parents; one that is there already is no error.
 * Level by level: Node's own recursive way never ends below /proc, and calls a directory missing that a failing disk refused.
 * @throws what the system says of the first that cannot be made
 */
export function makeDirectories(path: string, mode = 0o777): void {
  const absolute = resolve(path)
  const parent = dirname(absolute)
  if (!existsSync(parent)) makeDirectories(parent, mode)
  try {
    mkdirSync(absolute, { mode })
  } catch (error) {
    // Another process may have been faster.
    if (!statSync(absolute, { throwIfNoEntry: false })?.isDirectory()) throw error
  }
}
