import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import pLimit from 'p-limit'
import type { Oracle } from '../support/oracle.ts'
import { flattenImage } from '../tools/compare/image.ts'
import { BASE_NAMES } from './base.ts'
import { askOf, type DifferentialCase } from './case-file.ts'
import { contextFolder, standardInput } from './context.ts'
import type { Outcome } from './outcome.ts'

const BUILDS_AT_A_TIME = 4

/**
 * Builds all cases by Docker and saves them in one archive. Docker keeps neither the images nor the bases.
 * @param fresh builds from nothing: what Docker's cache copied before has the times of then
 */
export async function buildTheirs(
  oracle: Oracle,
  cases: readonly DifferentialCase[],
  folder: string,
  bases: string,
  fresh: boolean,
): Promise<ReadonlyMap<string, Outcome>> {
  await oracle.docker(['load', '--quiet', '--input', bases])
  const run = randomBytes(6).toString('hex')
  const tags = cases.map(({ name }) => `differential/${run}:${name.replaceAll('/', '.')}`)
  const limit = pLimit(BUILDS_AT_A_TIME)
  try {
    const failures = await Promise.all(
      cases.map((given, index) => limit(() => buildOne(oracle, given, contextFolder(folder, given), tags[index] ?? '', fresh))),
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
    await oracle.docker(['rmi', '--force', ...tags, ...BASE_NAMES]).catch(() => {})
  }
}

async function buildOne(
  oracle: Oracle,
  given: DifferentialCase,
  folder: string,
  tag: string,
  fresh: boolean,
): Promise<Outcome | undefined> {
  const { options, context } = askOf(given, folder)
  try {
    const input = await standardInput(given, folder)
    const args = fresh ? ['--no-cache', ...options] : options
    await oracle.build({ context, tag, args, env: given.env, ...(input === undefined ? {} : { input }) })
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const fault = /did not complete successfully: exit code/.test(message) ? 'step' : 'input'
    return { kind: 'failure', fault, code: '', message }
  }
  // One image without layers and nothing can be saved.
  const layers = await oracle.docker(['image', 'inspect', '--format', '{{len .RootFS.Layers}}', tag])
  if (layers.trim() === '0') throw new Error(`${given.name} has no layer: Docker cannot save it; give it a WORKDIR`)
  return undefined
}
