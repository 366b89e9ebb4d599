import { mkdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { mustRun } from '../support/process.ts'
import type { DifferentialCase } from './case-file.ts'

/** Files that the case gives no time of its own have this one, so that a copied time can be told from a new one.
 * The context's own folder has the time at which it was made: Docker's client does not send its time. */
const TIME = 1_000_000_000

/**
 * Where a case's context is. BuildKit keeps contexts by their folder's name and compares sizes and times only, so a name that it has
 * seen before would give it stale files.
 */
export function contextFolder(folder: string, given: DifferentialCase): string {
  return join(folder, `${given.name}.${basename(folder)}`)
}

/** Lays out the case's build context, Dockerfile included, in a folder that it makes. */
export async function writeContext(given: DifferentialCase, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const [path, text] of [['Dockerfile', given.dockerfile] as const, ...given.files]) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  const old = `find . -mindepth 1 -depth -newermt @1500000000 -exec touch -h -d @${TIME} {} +`
  await mustRun('sh', ['-euc', `umask 022\n${given.script}\n${old}`], { cwd: folder })
}
