import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { TsbError } from '../core/error.ts'
import type { ContainerConfig } from '../core/manifest.ts'
import type { Mount, ProcessSpec } from '../executor/types.ts'
import { makeDirectories } from '../store/directories.ts'
import type { Environment } from './host.ts'
import type { RunOptions } from './types.ts'

/** PATH of a container whose image has none (Docker's default). */
const DEFAULT_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** What the user asked for, and where it comes from. */
export interface RunRequest {
  readonly options: RunOptions
  readonly config: ContainerConfig
  /** Of the user, for `-e NAME`. */
  readonly env: Environment
}

/** A container's identity and its root: an overlay's layers, bottom first, and a place for its writes. */
export type ContainerRoot = Pick<ProcessSpec, 'id' | 'layers' | 'upper' | 'work'>

/**
 * Combines an image's config with the options of `docker run`.
 * @throws TsbError `TSB_RUN_NO_COMMAND`, `TSB_USAGE_VOLUME`, `TSB_USAGE_INVALID_VALUE`, `TSB_VOLUME_SOURCE`
 */
export function runSpec({ options, config, env }: RunRequest, root: ContainerRoot): ProcessSpec {
  const { id } = root
  const hostname = options.hostname ?? id.slice(0, 12)
  return {
    ...root,
    args: commandOf(options, config),
    env: environmentOf({ options, config, env }, hostname),
    cwd: workingDirectory(options, config),
    // docker run gives root no further groups when nobody names a user.
    user: options.user || config.User || '0:0',
    hostname,
    network: options.network,
    mounts: options.volumes.map(parseVolume),
    extraHosts: [],
    terminal: options.tty,
    security: 'sandbox',
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
function environmentOf({ options, config, env }: RunRequest, hostname: string): readonly string[] {
  const variables = new Map<string, string>()
  const set = (entry: string): void => {
    const equals = entry.indexOf('=')
    const name = equals < 0 ? entry : entry.slice(0, equals)
    const value = equals < 0 ? env[name] : entry.slice(equals + 1)
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
  return { kind: 'host', source: path, target: target ?? '', readonly: mode === 'ro' }
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
