import { setMaxListeners } from 'node:events'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { resolve } from 'node:path'
import { interrupted, TsbError } from '../core/error.ts'
import type { ContainerConfig } from '../core/manifest.ts'
import { hostPlatform } from '../core/platform.ts'
import type { Mount, ProcessOutcome, ProcessSpec } from '../executor/types.ts'
import { layerPaths } from '../snapshotter/snapshot.ts'
import { openWorkspace } from '../snapshotter/workspace.ts'
import { makeDirectories } from '../store/directories.ts'
import { configOf } from '../store/images.ts'
import { publishRoot } from './image-root.ts'
import { resolveImage } from './resolve.ts'
import type { Session } from './session.ts'
import type { RunOptions } from './types.ts'

/** PATH of a container whose image has none (Docker's default). */
const DEFAULT_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Signals that go on to the program. */
const FORWARDED = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const

/**
 * Runs an image's program on its snapshots, with one fresh layer for its writes that goes when it ends.
 * @returns docker's exit code: the program's own, 128 + signal, 127 for a command not found, 126 for one that cannot be executed
 */
export async function run(session: Session, options: RunOptions, signal: AbortSignal): Promise<number> {
  const signals = catchSignals()
  try {
    const either = AbortSignal.any([signal, signals.early])
    // Every layer in flight listens, which is no leak however many they are.
    setMaxListeners(0, either)
    return await runImage(session, options, either, signals)
  } catch (error) {
    throw signals.early.aborted ? interrupted() : error
  } finally {
    signals.stop()
  }
}

async function runImage(session: Session, options: RunOptions, signal: AbortSignal, signals: CaughtSignals): Promise<number> {
  const image = await resolveImage(session, options.image, hostPlatform(), false, signal)
  await session.store.prepare()
  const snapshot = await publishRoot(session, image.image, signal)
  const stored = session.store.images.get(image.image)
  const config = stored === undefined ? {} : (configOf(stored).config ?? {})
  const executor = await session.executor()
  await using workspace = await openWorkspace(session.snapshotter)
  const spec = specOf(session, options, config, layerPaths(session.store, snapshot), workspace)
  signal.throwIfAborted()
  signals.keep()
  const outcome = await executor.run(spec, options.interactive ? { kind: 'inherit' } : { kind: 'inherit', stdin: 'ignore' }, {
    signal,
    onStarted: signals.forward,
  })
  return exitCode(outcome)
}

function specOf(
  session: Session,
  options: RunOptions,
  config: ContainerConfig,
  layers: readonly string[],
  workspace: { readonly upper: string; readonly work: string },
): ProcessSpec {
  const id = session.effects.randomId()
  const hostname = options.hostname ?? id.slice(0, 12)
  return {
    id,
    layers,
    upper: workspace.upper,
    work: workspace.work,
    args: commandOf(options, config),
    env: environmentOf(session, options, config, hostname),
    cwd: workingDirectory(options, config),
    // docker run gives root no further groups when nobody names a user.
    user: options.user || config.User || '0:0',
    hostname,
    network: options.network,
    mounts: options.volumes.map(parseVolume),
    extraHosts: [],
    terminal: options.tty,
    readonlyRoot: false,
    openPorts: true,
  }
}

/** @throws TsbError `TSB_USAGE_INVALID_VALUE` for a `workdir` that is not absolute */
function workingDirectory({ workdir }: RunOptions, config: ContainerConfig): string {
  if (workdir === undefined) return config.WorkingDir || '/'
  if (workdir.startsWith('/')) return workdir
  throw new TsbError('TSB_USAGE_INVALID_VALUE', `working directory \`${workdir}\` is not absolute`, {
    fault: 'usage',
    hint: 'begin it with `/`',
  })
}

/** Entrypoint and command as docker combines them: a new entrypoint drops the image's command. */
function commandOf(options: RunOptions, config: ContainerConfig): readonly string[] {
  const entrypoint = options.entrypoint === undefined ? (config.Entrypoint ?? []) : options.entrypoint === '' ? [] : [options.entrypoint]
  const inherited = options.entrypoint === undefined ? (config.Cmd ?? []) : []
  const command = [...entrypoint, ...(options.command.length > 0 ? options.command : inherited)]
  if (command.length > 0) return command
  throw new TsbError('TSB_RUN_NO_COMMAND', `image \`${options.image}\` has no command to run`, {
    fault: 'usage',
    hint: 'name a command after the image',
  })
}

/** The image's variables, then the user's; a bare name takes our own environment's value, or unsets. */
function environmentOf(session: Session, options: RunOptions, config: ContainerConfig, hostname: string): readonly string[] {
  const variables = new Map<string, string>()
  const set = (entry: string): void => {
    const equals = entry.indexOf('=')
    const name = equals < 0 ? entry : entry.slice(0, equals)
    const value = equals < 0 ? session.env[name] : entry.slice(equals + 1)
    if (value === undefined) variables.delete(name)
    else variables.set(name, value)
  }
  // Docker's order; what the image says replaces it.
  for (const entry of [DEFAULT_PATH, `HOSTNAME=${hostname}`, ...(options.tty ? ['TERM=xterm'] : []), ...(config.Env ?? [])]) set(entry)
  for (const entry of options.env) set(entry)
  return [...variables].map(([name, value]) => `${name}=${value}`)
}

/** `source:target[:ro|rw]` @throws TsbError `TSB_USAGE_VOLUME` */
function parseVolume(text: string): Mount {
  const [source, target, mode, ...rest] = text.split(':')
  const isValid =
    source !== undefined &&
    /^\.{0,2}\/|^\.{1,2}$/.test(source) &&
    target?.startsWith('/') === true &&
    rest.length === 0 &&
    [undefined, 'ro', 'rw'].includes(mode)
  if (!isValid) {
    throw new TsbError('TSB_USAGE_VOLUME', `\`${text}\` is not a volume`, {
      fault: 'usage',
      hint: 'write it as `source:target[:ro]` with paths, the target absolute; named volumes are not supported',
    })
  }
  const path = resolve(source)
  // As docker does with `-v`.
  if (!existsSync(path)) makeVolume(path)
  return { source: path, target: target ?? '', readonly: mode === 'ro' }
}

function makeVolume(path: string): void {
  try {
    makeDirectories(path)
  } catch (cause) {
    throw new TsbError('TSB_VOLUME_SOURCE', `cannot make \`${path}\` for a volume`, {
      fault: 'input',
      hint: 'name a path that exists',
      cause,
    })
  }
}

interface CaughtSignals {
  /** Aborted by a signal that ends us while there is no program yet: the image is still being fetched or unpacked. */
  readonly early: AbortSignal
  /** The program is about to start: signals wait for it from now on. */
  keep(): void
  /** The program runs: it gets the signals that waited, and those to come. */
  forward(send: (signal: number) => void): void
  stop(): void
}

/** Catches our signals. Until `stop` none of them ends this process, so whatever is unfinished gets removed. */
function catchSignals(): CaughtSignals {
  const early = new AbortController()
  const kept: number[] = []
  let deliver = (number: number): void => {
    if (ENDING.has(number)) early.abort(interrupted())
  }
  const listeners = FORWARDED.map((name) => {
    const number = constants.signals[name]
    const listener = (): void => deliver(number)
    process.on(name, listener)
    return [name, listener] as const
  })
  return {
    early: early.signal,
    keep: () => {
      deliver = (number) => kept.push(number)
    },
    forward: (send) => {
      deliver = send
      for (const number of kept.splice(0)) send(number)
    },
    stop: () => {
      for (const [name, listener] of listeners) process.off(name, listener)
    },
  }
}

const ENDING: ReadonlySet<number> = new Set([constants.signals.SIGINT, constants.signals.SIGTERM, constants.signals.SIGHUP])

function exitCode(outcome: ProcessOutcome): number {
  switch (outcome.kind) {
    case 'exited':
      return outcome.code
    case 'signaled':
      return 128 + outcome.signal
    case 'not-started':
      throw new TsbError(outcome.reason === 'not-found' ? 'TSB_COMMAND_NOT_FOUND' : 'TSB_COMMAND_NOT_EXECUTABLE', outcome.message, {
        fault: 'input',
        hint: 'check the command, and PATH in the image',
      })
  }
}
