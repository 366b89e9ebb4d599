import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import pLimit from 'p-limit'
import type { Oracle } from '../support/oracle.ts'
import { flattenImage } from '../tools/compare/image.ts'
import { BASE_NAMES } from './base.ts'
import { askOf, type DifferentialCase, type Place } from './case-file.ts'
import { contextFolder, standardInput } from './context.ts'
import { failureOf, type Outcome } from './outcome.ts'

const BUILDS_AT_A_TIME = 4
const ATTEMPTS = 5

/**
 * Builds all cases by Docker and saves them in one archive. Docker keeps the bases only, which others may be using.
 * @param fresh builds from nothing: what Docker's cache copied before has the times of then
 */
export async function buildTheirs(
  oracle: Oracle,
  cases: readonly DifferentialCase[],
  folder: string,
  server: string,
  bases: string,
  fresh: boolean,
): Promise<ReadonlyMap<string, Outcome>> {
  await oracle.docker(['load', '--quiet', '--input', bases])
  const run = randomBytes(6).toString('hex')
  const tags = cases.map(({ name }) => `differential/${run}:${name.replaceAll('/', '.')}`)
  const limit = pLimit(BUILDS_AT_A_TIME)
  const building: Building = { oracle, bases, fresh }
  try {
    const failures = await Promise.all(
      cases.map((given, index) =>
        limit(() => buildOne(building, given, { folder: contextFolder(folder, given), server }, tags[index] ?? '')),
      ),
    )
    const archive = join(folder, 'theirs.tar')
    const built = tags.filter((_, index) => failures[index] === undefined)
    if (built.length > 0) await oracle.docker(['save', '--output', archive, ...built])
    const outcomes = new Map<string, Outcome>()
    for (const [index, { name }] of cases.entries()) {
      outcomes.set(name, failures[index] ?? { kind: 'image', image: await flattenImage(archive, tags[index]) })
    }
    await rm(archive, { force: true })
    return outcomes
  } finally {
    await oracle.docker(['rmi', '--force', ...tags]).catch(() => {})
  }
}

/** What the cases need to be built. */
interface Building {
  readonly oracle: Oracle
  readonly bases: string
  readonly fresh: boolean
}

async function buildOne(building: Building, given: DifferentialCase, place: Place, tag: string): Promise<Outcome | undefined> {
  const { oracle, bases, fresh } = building
  const { options, context } = askOf(given, place)
  const input = await standardInput(given, place.folder)
  const args = fresh ? ['--no-cache', ...options] : options
  for (let attempt = 1; ; attempt++) {
    try {
      await oracle.build({ context, tag, args, env: given.env, ...(input === undefined ? {} : { input }) })
      break
    } catch (error) {
      const failure = failureOf(error)
      const lost = BASE_NAMES.some((name) => failure.message.includes(`failed to resolve source metadata for docker.io/${name}`))
      if (!lost) return failure
      // Somebody who uses the same Docker has removed the bases.
      if (attempt === ATTEMPTS) throw error
      await oracle.docker(['load', '--quiet', '--input', bases])
    }
  }
  // One image without layers and nothing can be saved.
  const layers = await oracle.docker(['image', 'inspect', '--format', '{{len .RootFS.Layers}}', tag])
  if (layers.trim() === '0') throw new Error(`${given.name} has no layer: Docker cannot save it; give it a WORKDIR`)
  return undefined
}
