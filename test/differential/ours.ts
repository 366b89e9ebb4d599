import { rm } from 'node:fs/promises'
import { readBuild } from '../../cli/commands/build.ts'
import { EXIT_CODES, isTsbError } from '../../core/error.ts'
import { type Engine, parseOutput, parseSecret, parseSsh } from '../../engine/index.ts'
import type { Tsbuild } from '../support/tsbuild.ts'
import { flattenImage } from '../tools/compare/image.ts'
import { askOf, type DifferentialCase, type Place } from './case-file.ts'
import { standardInput } from './context.ts'
import type { Outcome } from './outcome.ts'

/** The code of a program of the build that failed. */
const STEP_CODES = ['TSB_STEP_FAILED', 'TSB_MOUNT_TARGET']

/** Exit codes of failures for which whoever wrote the build can do something. */
const USERS: ReadonlySet<number> = new Set([EXIT_CODES.input, EXIT_CODES.usage, EXIT_CODES.remote])

/**
 * Builds a case: by an engine that is open already, and by the real command line where the case is about the process (its standard
 * input, its environment). A failure that is not the user's, such as one of the host, is thrown.
 */
export async function buildOurs(engine: Engine, store: Tsbuild, given: DifferentialCase, place: Place): Promise<Outcome> {
  const { folder } = place
  const archive = `${folder}.ours.tar`
  const { options, context } = askOf(given, place)
  const argv = [...options, '--output', `type=docker,dest=${archive}`, context]
  const isOwnProcess = given.stdin !== undefined || Object.keys(given.env).length > 0
  try {
    const failure = isOwnProcess ? await buildByProcess(store, given, folder, argv) : await buildByEngine(engine, argv)
    return failure ?? { kind: 'image', image: await flattenImage(archive) }
  } finally {
    await rm(archive, { force: true })
  }
}

/** Builds by a command line without its process; what comes back is a failure of the user's. */
export async function buildByEngine(engine: Engine, argv: readonly string[]): Promise<Outcome | undefined> {
  try {
    await engine.build(readBuild(argv, { parseOutput, parseSecret, parseSsh }), () => {}, new AbortController().signal)
    return undefined
  } catch (error) {
    if (!isTsbError(error)) throw error
    return failure(EXIT_CODES[error.fault], error.code, error.message)
  }
}

async function buildByProcess(
  store: Tsbuild,
  given: DifferentialCase,
  folder: string,
  argv: readonly string[],
): Promise<Outcome | undefined> {
  const input = await standardInput(given, folder)
  const { code, stderr } = await store.run(['build', ...argv], { env: given.env, ...(input === undefined ? {} : { input }) })
  return code === 0 ? undefined : failure(code, /.*\[(TSB_\w+)\]/s.exec(stderr)?.[1] ?? '', stderr)
}

function failure(exitCode: number, code: string, message: string): Outcome {
  if (!USERS.has(exitCode)) throw new Error(message)
  return { kind: 'failure', fault: STEP_CODES.includes(code) ? 'step' : 'input', code, message }
}
