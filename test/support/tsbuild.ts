import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { REPOSITORY } from './paths.ts'
import { type Finished, mustRun, runProcess } from './process.ts'

export const LAUNCHER: string = join(REPOSITORY, 'cli/bin/tsbuild.cjs')

/** The real command line on a store of its own. Disposing of it removes the store. */
export interface Tsbuild extends AsyncDisposable {
  readonly root: string
  run(args: readonly string[], options?: RunOptions): Promise<Finished>
  /** As `run`, and another exit code than 0 is an error. @returns standard output */
  must(args: readonly string[], options?: RunOptions): Promise<string>
  /** Started and left running, output inherited to nobody. The caller ends it. */
  start(args: readonly string[], options?: RunOptions): ChildProcess
}

export interface RunOptions {
  readonly cwd?: string
  readonly input?: string | Buffer
  readonly env?: Readonly<Record<string, string>>
}

/** Makes an empty store. TSBUILD_TEST_STORES says below which folder; overlayfs must work there. */
export async function openTsbuild(): Promise<Tsbuild> {
  const root = await mkdtemp(join(process.env['TSBUILD_TEST_STORES'] ?? tmpdir(), 'tsbuild-store-'))
  const prepare = (options: RunOptions = {}): { env: NodeJS.ProcessEnv; cwd?: string; input?: string | Buffer } => ({
    ...options,
    env: { ...process.env, TSBUILD_ROOT: root, NO_COLOR: '1', ...options.env },
  })
  return {
    root,
    run: (args, options) => runProcess(process.execPath, [LAUNCHER, ...args], prepare(options)),
    must: (args, options) => mustRun(process.execPath, [LAUNCHER, ...args], prepare(options)),
    start: (args, options) => {
      const { env, cwd } = prepare(options)
      return spawn(process.execPath, [LAUNCHER, ...args], { env, stdio: 'ignore', ...(cwd === undefined ? {} : { cwd }) })
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  }
}
