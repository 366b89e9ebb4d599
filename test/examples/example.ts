import { cp, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ContainerCounter, countContainers } from '../support/container-counter.ts'
import { type DebianBase, startDebianBase } from '../support/debian-base.ts'
import { REPOSITORY } from '../support/paths.ts'
import { type BuiltSteps, buildSteps } from '../support/steps.ts'
import { openTsbuild, type Tsbuild } from '../support/tsbuild.ts'

/** One of testdata/examples, in a copy that the test may edit, with a store of its own and the base in a registry. */
export interface Example extends AsyncDisposable {
  readonly name: string
  readonly context: string
  readonly tsbuild: Tsbuild
  readonly counter: ContainerCounter
  /** `--build-arg BASE=…` */
  readonly baseArgs: readonly string[]
  /** Builds and tags it `example/NAME`. */
  build(): Promise<BuiltSteps & { readonly containers: number }>
  /** Replaces text in a file of the context; the text must be there. */
  edit(file: string, before: string, after: string): Promise<void>
  /** Gives a file another modification time and nothing else. */
  touch(file: string): Promise<void>
}

/** @returns a sentence why it cannot be built on this machine, for the test to skip with. */
export async function openExample(name: string): Promise<Example | string> {
  const base = await startDebianBase()
  if (typeof base === 'string') return base
  const folder = await mkdtemp(join(tmpdir(), 'tsbuild-example-'))
  const context = join(folder, name)
  await cp(join(REPOSITORY, 'testdata/examples', name), context, { recursive: true, filter: (path) => !/node_modules|\/dist$/.test(path) })
  return createExample(name, context, base, await openTsbuild(), await countContainers())
}

function createExample(name: string, context: string, base: DebianBase, tsbuild: Tsbuild, counter: ContainerCounter): Example {
  const baseArgs = ['--build-arg', `BASE=${base.reference}`]
  return {
    name,
    context,
    tsbuild,
    counter,
    baseArgs,
    build: async () => {
      const steps = await buildSteps(tsbuild, ['-t', `example/${name}`, ...baseArgs, context], counter.env)
      return { ...steps, containers: await counter.take() }
    },
    edit: async (file, before, after) => {
      const text = await readFile(join(context, file), 'utf8')
      if (!text.includes(before)) throw new Error(`\`${file}\` does not hold \`${before}\``)
      await writeFile(join(context, file), text.replace(before, after))
    },
    touch: (file) => utimes(join(context, file), 1, 1),
    [Symbol.asyncDispose]: async () => {
      await tsbuild[Symbol.asyncDispose]()
      await counter[Symbol.asyncDispose]()
      await base[Symbol.asyncDispose]()
      await rm(join(context, '..'), { recursive: true, force: true })
    },
  }
}

/** The instruction in a step's name: `COPY src/ ./` of `[build 3/4] COPY src/ ./`. */
export function instruction(name: string): string {
  return name.replace(/^\[.*?\] /, '')
}
