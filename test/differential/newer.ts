import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { mustRun } from '../support/process.ts'
import { flattenImage } from '../tools/compare/image.ts'
import type { DifferentialCase } from './case-file.ts'
import { contextFolder } from './context.ts'
import { failureOf, type Outcome } from './outcome.ts'

/**
 * Where a BuildKit listens that knows more than Docker 28 has (0.26 or later); its `buildctl` is in the PATH, and its
 * cache is lost.
 */
export const NEWER_BUILDKIT: string | undefined = process.env['BUILDKIT_HOST']

const BUILD = ['build', '--progress=plain', '--no-cache', '--frontend=dockerfile.v0']
const TAG = 'differential/newer:latest'

/** Builds cases one after the other by BuildKit alone, from nothing. They stand on `scratch` and have no options. */
export async function buildNewer(cases: readonly DifferentialCase[], folder: string): Promise<ReadonlyMap<string, Outcome>> {
  const outcomes = new Map<string, Outcome>()
  for (const given of cases) outcomes.set(given.name, await buildOne(given, contextFolder(folder, given), join(folder, 'newer.tar')))
  return outcomes
}

async function buildOne(given: DifferentialCase, context: string, archive: string): Promise<Outcome> {
  if (given.options.length > 0 || given.stdin !== undefined) throw new Error(`${given.name}: no options for the newer BuildKit`)
  return buildByNewer(context, archive)
}

/** Builds a context by the newer BuildKit; `archive` is a file that it makes and removes. */
export async function buildByNewer(context: string, archive: string): Promise<Outcome> {
  // BuildKit makes the context out of the last one, which shows in the times of folders.
  await mustRun('buildctl', ['prune', '--all'])
  const locals = ['--local', `context=${context}`, '--local', `dockerfile=${context}`]
  const output = ['--output', `type=docker,name=${TAG},dest=${archive}`]
  try {
    const failure = await mustRun('buildctl', [...BUILD, ...locals, ...output]).then(() => undefined, failureOf)
    return failure ?? { kind: 'image', image: await flattenImage(archive, TAG) }
  } finally {
    await rm(archive, { force: true })
  }
}
