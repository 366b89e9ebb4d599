import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's top folder, from the sources as from `dist`. */
export const REPOSITORY: string = findUp(dirname(fileURLToPath(import.meta.url)), 'tsconfig.json')

/** The root file system of one static busybox that the set-up made, as a tar. */
export const BUSYBOX_ROOT: string = join(REPOSITORY, 'node_modules/.cache/tsbuild/demo-base.tar')

function findUp(folder: string, name: string): string {
  if (existsSync(join(folder, name))) return folder
  if (folder === dirname(folder)) throw new Error(`no \`${name}\` above the tests`)
  return findUp(dirname(folder), name)
}
