import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CompareOptions, compareImages, type Difference } from '../tools/compare/difference.ts'
import { flattenImage } from '../tools/compare/image.ts'
import type { Oracle } from './oracle.ts'
import type { Tsbuild } from './tsbuild.ts'

export interface ComparedBuild extends CompareOptions {
  readonly tsbuild: Tsbuild
  readonly oracle: Oracle
  /** Folder of the context. */
  readonly context: string
  /** Text that stands in for the context's Dockerfile. */
  readonly dockerfile?: string
  /** Arguments that both understand: `--build-arg A=b`, `--target x`. */
  readonly args?: readonly string[]
}

/**
 * Builds the same by tsbuild (left) and by Docker (right) and compares the images. Equal builds give an empty list.
 * Both images are gone afterwards from Docker, and ours is left in the test's store.
 * @throws Error when either build fails
 */
export async function compareBuilds(build: ComparedBuild): Promise<Difference[]> {
  const { tsbuild, oracle, context, dockerfile, args = [] } = build
  const folder = await mkdtemp(join(tmpdir(), 'tsbuild-compare-'))
  const tag = `tsbuild-compare:${randomBytes(6).toString('hex')}`
  try {
    const file = dockerfile === undefined ? [] : ['--file', join(folder, 'Dockerfile')]
    if (dockerfile !== undefined) await writeFile(join(folder, 'Dockerfile'), dockerfile)
    const [ours, theirs] = [join(folder, 'ours.tar'), join(folder, 'theirs.tar')]
    await tsbuild.must(['build', '--quiet', '--tag', tag, ...args, ...file, context])
    await tsbuild.must(['save', '--output', ours, tag])
    await oracle.build({ context, tag, args: [...args, ...file] })
    await oracle.save(tag, theirs)
    return compareImages(await flattenImage(ours), await flattenImage(theirs), build)
  } finally {
    await rm(folder, { recursive: true, force: true })
    await oracle.remove(tag).catch(() => {})
  }
}
