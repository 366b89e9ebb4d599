import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** What is slow to make and always the same outlives a run here. TSBUILD_TEST_CACHE names another folder. */
const CACHE = process.env['TSBUILD_TEST_CACHE'] ?? '/var/tmp/tsbuild-test-cache'

/**
 * The file that `make` writes, from the cache when the same key was asked for before.
 * Two test processes may make it at once; the later one wins, and both files are the same.
 */
export async function cachedFile(name: string, key: readonly string[], make: (path: string) => Promise<void>): Promise<string> {
  const digest = createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 24)
  const path = join(CACHE, `${name}-${digest}`)
  if (existsSync(path)) return path
  await mkdir(CACHE, { recursive: true })
  const fresh = `${path}.${randomBytes(4).toString('hex')}`
  try {
    await make(fresh)
    await rename(fresh, path)
  } finally {
    await rm(fresh, { force: true })
  }
  return path
}
