import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openProject } from '../project.ts'
import { watchStore } from './watch-store.ts'

export interface Soak {
  readonly processes: number
  readonly milliseconds: number
}

/** What happened in a soak. */
export interface Soaked {
  readonly builds: number
  readonly prunes: number
  readonly most: number
}

export const CAP: number = 64 * 1024 ** 2

/** All of them together make twice the cap. */
const VARIANTS = 14
const LAYER_BYTES = 3_000_000

/** Three layers of 3 MB, of which the first is shared by two variants. */
function dockerfile(variant: number): string {
  const fill = (name: string, text: string): string => `RUN yes ${text} | head -c ${LAYER_BYTES} > /${name}`
  return ['FROM busybox', fill('a', `shared${variant >> 1}`), fill('b', `b${variant}`), fill('c', `c${variant}`)].join('\n')
}

/**
 * Builds in several processes what does not fit all at once, and prunes beside them. Every build has to succeed, give the right files,
 * and stay within the cap.
 */
export async function soak({ processes, milliseconds }: Soak): Promise<Soaked> {
  await using project = await openProject(
    Object.fromEntries(Array.from({ length: VARIANTS }, (_, variant) => [`${variant}/Dockerfile`, dockerfile(variant)])),
  )
  const { tsbuild, directory } = project
  const watched = watchStore(tsbuild.root)
  const end = Date.now() + milliseconds
  let [builds, prunes] = [0, 0]
  const worker = async (number: number): Promise<void> => {
    const dest = join(directory, `out${number}`)
    for (let turn = 0; Date.now() < end; turn++) {
      const variant = (number * 5 + turn * 3) % VARIANTS
      mkdirSync(dest, { recursive: true })
      const output = ['--progress', 'plain', '--output', `type=local,dest=${dest}`]
      const { code, stderr } = await tsbuild.run(['--max-disk', `${CAP}`, ...output, join(directory, String(variant))])
      assert.equal(code, 0, stderr)
      for (const [name, text] of [
        ['a', `shared${variant >> 1}`],
        ['b', `b${variant}`],
        ['c', `c${variant}`],
      ] as const) {
        const content = readFileSync(join(dest, name))
        assert.equal(content.length, LAYER_BYTES)
        assert.ok(content.subarray(0, 20).toString().startsWith(`${text}\n`), stderr)
      }
      rmSync(dest, { recursive: true })
      builds += 1
    }
  }
  const pruner = async (): Promise<void> => {
    const ways = [
      ['--filter', 'until=2s'],
      ['--max-used-space', '40MB'],
      ['-a', '--filter', 'type=regular', '--max-used-space', '30MB'],
      ['-a'],
    ]
    for (let turn = 0; Date.now() < end; turn++) {
      await tsbuild.must(['prune', '-f', ...(ways[turn % ways.length] ?? [])])
      prunes += 1
      await new Promise((resolve) => setTimeout(resolve, 700))
    }
  }
  await Promise.all([...Array.from({ length: processes }, (_, number) => worker(number)), pruner()])
  const most = await watched.stop()
  assert.match(await tsbuild.must(['doctor', '--store']), /sound/)
  return { builds, prunes, most }
}
