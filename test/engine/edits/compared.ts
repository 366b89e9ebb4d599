import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Random } from '../../frontend/docker/random.ts'
import { remains } from '../../support/leftovers.ts'
import { BUSYBOX_ROOT } from '../../support/paths.ts'
import { openTsbuild, type Tsbuild } from '../../support/tsbuild.ts'
import { compareImages } from '../../tools/compare/difference.ts'
import { type FlatImage, flattenImage } from '../../tools/compare/image.ts'
import { storeFaults } from '../store-check.ts'
import { type RandomProject, randomEdits } from './random-edits.ts'

/** What else happens in the used store while a project is built in it: ends when all of it has ended. */
export type Disturb = (warm: Tsbuild, context: string, project: RandomProject, random: Random) => Promise<unknown>

/**
 * Builds a random project and edits of it in one store, and each of them in an empty one too.
 * @returns in what the images of both differ, and what is wrong with the store at the end, as readable lines
 */
export async function differencesOfEdits(
  seed: number,
  rounds: number,
  disturb: Disturb = async () => undefined,
): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tsbuild-edits-'))
  await using warm = await storeWithBase()
  const found: string[] = []
  const random = new Random(seed)
  try {
    let round = 0
    for (const project of randomEdits(seed, rounds)) {
      const context = join(folder, String(round))
      writeContext(context, project)
      const disturbed = disturb(warm, context, project, random)
      const used = await build(warm, context, [...project.args, ...project.warmArgs])
      await disturbed
      await using empty = await storeWithBase()
      const clean = await build(empty, context, project.args)
      const differences = typeof used === 'string' || typeof clean === 'string' ? compareFailures(used, clean) : compare(used, clean)
      found.push(...differences.map((text) => `seed ${seed}, round ${round}: ${text}`))
      round += 1
    }
    // What a killed process has left goes with the next command that writes.
    await warm.must(['prune', '-f'])
    return [...found, ...(await storeFaults(warm.root)), ...remains(warm.root)]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function storeWithBase(): Promise<Tsbuild> {
  const tsbuild = await openTsbuild()
  try {
    await tsbuild.must(['import', BUSYBOX_ROOT, 'busybox'])
    return tsbuild
  } catch (error) {
    await tsbuild[Symbol.asyncDispose]()
    throw error
  }
}

function writeContext(context: string, { dockerfile, files }: RandomProject): void {
  for (const [path, text] of Object.entries({ ...files, Dockerfile: dockerfile })) {
    mkdirSync(dirname(join(context, path)), { recursive: true })
    writeFileSync(join(context, path), text)
  }
}

/** The image, or the code of the error. */
async function build(tsbuild: Tsbuild, context: string, args: readonly string[]): Promise<FlatImage | string> {
  const archive = `${context}.tar`
  const { code, stderr } = await tsbuild.run(['build', '--output', `type=docker,dest=${archive}`, ...args, context])
  return code === 0 ? flattenImage(archive) : (/\[(TSB_[A-Z_]+)\]/.exec(stderr)?.[1] ?? stderr)
}

function compareFailures(used: FlatImage | string, clean: FlatImage | string): readonly string[] {
  const [left, right] = [used, clean].map((outcome) => (typeof outcome === 'string' ? outcome : 'an image'))
  return left === right ? [] : [`${left} instead of ${right}`]
}

/** Which names are of one file is no part of a tree: a step after one that links instead of copying is not made again. */
function compare(used: FlatImage, clean: FlatImage): readonly string[] {
  return compareImages(used, clean)
    .filter(({ field }) => field !== 'linkedWith')
    .map(({ where, field, left, right }) => `${where}: ${field} is ${left} instead of ${right}`)
}
