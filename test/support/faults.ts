import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { REPOSITORY } from './paths.ts'
import { type Finished, runProcess } from './process.ts'
import { LAUNCHER } from './tsbuild.ts'

/** Which of the calls that change or open files of the store go wrong, counted from 1, and how. */
export type Fault =
  | {
      readonly kind: 'errno'
      readonly at: number
      readonly last?: number
      readonly errno: 'EIO' | 'ENOSPC' | 'EDQUOT' | 'EROFS' | 'EMFILE'
    }
  /** Before the call is done: the command alone, or it and all it has started. */
  | { readonly kind: 'kill'; readonly at: number; readonly whom: 'main' | 'tree' }

export type CallGroup = 'write' | 'sync' | 'rename' | 'make' | 'open' | 'remove' | 'meta'

export interface FaultyRun extends Finished {
  /** Calls of the chosen kinds, by the command and all its children. */
  readonly counted: number
  readonly hits: readonly { readonly call: string; readonly path: string }[]
  /** Children that had not ended 20 s after the command. */
  readonly survivors: readonly string[]
}

export interface FaultyOptions {
  readonly fault?: Fault
  readonly calls?: readonly CallGroup[]
  readonly env?: Readonly<Record<string, string>>
}

let built: string | undefined

/** The program that lets system calls fail (native/crates/faults), built when first needed. */
export function faultsProgram(): string {
  built ??= build()
  return built
}

/** Runs tsbuild on a store under a fault, or merely counts its calls, until it and all its children have ended. */
export async function runFaulty(root: string, args: readonly string[], options: FaultyOptions = {}): Promise<FaultyRun> {
  const folder = mkdtempSync(join(tmpdir(), 'tsbuild-faults-'))
  const report = join(folder, 'report')
  const chosen = options.calls === undefined ? [] : ['--calls', options.calls.join(',')]
  const command = [process.execPath, LAUNCHER, ...args]
  try {
    const finished = await runProcess(
      faultsProgram(),
      ['--below', root, '--report', report, ...chosen, ...planned(options.fault), '--', ...command],
      { env: { ...process.env, TSBUILD_ROOT: root, NO_COLOR: '1', ...options.env } },
    )
    return { ...finished, ...(JSON.parse(readFileSync(report, 'utf8')) as Pick<FaultyRun, 'counted' | 'hits' | 'survivors'>) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function planned(fault: Fault | undefined): readonly string[] {
  if (fault === undefined) return []
  const at = ['--at', String(fault.at)]
  if (fault.kind === 'kill') return [...at, '--kill', fault.whom]
  return [...at, ...(fault.last === undefined ? [] : ['--last', String(fault.last)]), '--errno', fault.errno]
}

function build(): string {
  const native = join(REPOSITORY, 'native')
  const target = process.env['CARGO_TARGET_DIR'] ?? join(native, 'target')
  const args = ['build', '--release', '--locked', '--quiet', '--package', 'faults']
  const { status, error, stderr } = spawnSync('cargo', args, { cwd: native, encoding: 'utf8' })
  if (status !== 0) throw new Error(`cannot build the faults program: ${error?.message ?? stderr}`)
  return join(target, 'release', 'tsbuild-faults')
}
