import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { mustRun } from '../support/process.ts'
import { type DifferentialCase, inContext, inServer, type Place } from './case-file.ts'

/** Files that the case gives no time of its own have this one, so that a copied time can be told from a new one.
 * The context's own folder has the time at which it was made: Docker's client does not send its time. */
const TIME = 1_000_000_000

/** Commits have the same hash everywhere and always. */
const GIT: NodeJS.ProcessEnv = {
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@localhost',
  GIT_AUTHOR_DATE: `${TIME} +0000`,
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@localhost',
  GIT_COMMITTER_DATE: `${TIME} +0000`,
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_COUNT: '2',
  GIT_CONFIG_KEY_0: 'init.defaultBranch',
  GIT_CONFIG_VALUE_0: 'main',
  GIT_CONFIG_KEY_1: 'protocol.file.allow',
  GIT_CONFIG_VALUE_1: 'always',
}

/**
 * Where a case's context is. BuildKit keeps contexts by their folder's name and compares sizes and times only, so a name that it has
 * seen before would give it stale files.
 */
export function contextFolder(folder: string, given: DifferentialCase): string {
  return join(folder, `${given.name.replaceAll('/', '.')}.${basename(folder)}`)
}

/** Lays out the case's build context, Dockerfile included, in a folder that it makes; and what the case has beside it. */
export async function writeContext(given: DifferentialCase, place: Place): Promise<void> {
  const { folder } = place
  await mkdir(folder, { recursive: true })
  const dockerfile = given.dockerfile === undefined ? [] : [['Dockerfile', given.dockerfile] as const]
  for (const [path, text] of [...dockerfile, ...given.files]) {
    const file = resolve(folder, inContext(path, folder))
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, inServer(text, place))
  }
  const old = (root: string): string => `find ${root} -mindepth 1 -depth -newermt @1500000000 -exec touch -h -d @${TIME} {} +`
  const script = `umask 022\n${given.script}\n${old('.')}\nfor more in "$CONTEXT.more" "$CONTEXT.www"; do if [ -e "$more" ]; then ${old('"$more"')}; fi; done`
  await mustRun('sh', ['-euc', script], { cwd: folder, env: { ...process.env, ...GIT, CONTEXT: folder } })
}

/** What the build reads from its standard input, if the case says so. */
export async function standardInput(given: DifferentialCase, folder: string): Promise<Buffer | undefined> {
  if (given.stdin === undefined) return undefined
  const file = `${folder}.stdin`
  await mustRun('sh', ['-euc', `umask 022\nexec > "$CONTEXT.stdin"\n${given.stdin}`], {
    cwd: folder,
    env: { ...process.env, CONTEXT: folder },
  })
  return readFile(file)
}
