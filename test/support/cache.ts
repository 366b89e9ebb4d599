import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** What is slow to make and always the same outlives a run here. TSBUILD_TEST_CACHE names another folder. */
const CACHE = process.env['TSBUILD_TEST_CACHE'] ?? '/var/tmp/tsbuild-test-cache'

/**
 * The file that `make` writes, from the cache when the same key was asked for before.
 * Of several test processes that want it at once, one makes it and the others wait.
 */
export async function cachedFile(name: string, key: readonly string[], make: (path: string) => Promise<void>): Promise<string> {
  const digest = createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 24)
  const path = join(CACHE, `${name}-${digest}`)
  await mkdir(CACHE, { recursive: true })
  while (!existsSync(path)) {
    if (!(await claim(`${path}.lock`))) {
      await new Promise((resolve) => setTimeout(resolve, 200))
      continue
    }
    const fresh = `${path}.new`
    try {
      await make(fresh)
      await rename(fresh, path)
    } finally {
      await rm(fresh, { force: true })
      await rm(`${path}.lock`, { force: true })
    }
  }
  return path
}

/** Takes the lock, or takes away one whose owner is dead, so that the next try gets it. */
async function claim(lock: string): Promise<boolean> {
  try {
    await writeFile(lock, String(process.pid), { flag: 'wx' })
    return true
  } catch {
    if (!isAlive(lock)) await rm(lock, { force: true })
    return false
  }
}

function isAlive(lock: string): boolean {
  try {
    const owner = Number(readFileSync(lock, 'utf8'))
    // Between its creation and its content a lock is empty.
    return owner === 0 || process.kill(owner, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code !== 'ESRCH'
  }
}
