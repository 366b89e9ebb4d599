import { env as ownEnvironment } from 'node:process'
import type { Effects } from '../core/effects.ts'
import { type Bundle, makeBundle, makeDirectory } from './bundle.ts'
import { sweepCgroups } from './cgroups.ts'
import { diskFull, isDiskFull } from './disk-full.ts'
import { findRunner } from './locate.ts'
import { mountPoints, planSources } from './mounts.ts'
import { createNetworkPool } from './networks.ts'
import { toOutcome } from './outcome.ts'
import { type HostFacts, probeHost, requirePasta, requireRuntime } from './probe.ts'
import type { RunnerRequest } from './protocol.ts'
import { createRunners } from './runner.ts'
import type { Executor, ProcessControl, ProcessSpec } from './types.ts'
import { type ResolvedUser, resolveUser } from './user.ts'

export interface ExecutorOptions {
  /** Of the calling process alone, created when missing: runners mount memory on it where only they see that. */
  readonly stateDirectory: string
  /** OCI runtime: a name in PATH, or a path. */
  readonly runtime: string
  /** The `tsbuild-runner` executable; absent is the one built with us. */
  readonly runnerPath?: string
  /** Whose PATH programs are searched in; absent is our own. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly effects: Pick<Effects, 'now' | 'monotonic'>
  /** A small text file of a root that is given by its layers, `null` when absent (`Native.readFile`). */
  readonly readRootFile: (layers: readonly string[], path: string) => Promise<Uint8Array | null>
}

/** Runs processes by an OCI runtime, each in a runner of its own. Looks at the machine before the first one only. */
export function createExecutor(options: ExecutorOptions): Executor {
  const runnerPath = options.runnerPath ?? findRunner()
  const runners = createRunners(runnerPath)
  const networks = createNetworkPool(runnerPath, options.stateDirectory)
  let prepared: Promise<HostFacts> | undefined
  const lookAround = (): Promise<HostFacts> => (prepared ??= prepare(options))
  return {
    prepare({ network }) {
      runners.prepare()
      // Whatever stands against it is said when a container needs it.
      lookAround().then(
        ({ pasta }) => (network === 'default' && pasta !== undefined ? networks.prepare(pasta) : undefined),
        () => undefined,
      )
    },
    async run(spec, io, control) {
      const host = await lookAround()
      const runtime = requireRuntime(host, options.runtime)
      const pasta = spec.network === 'default' ? requirePasta(host) : undefined
      if (pasta !== undefined) networks.prepare(pasta)
      const user = await lookUp(spec, options)
      const bundle = makeBundle(options.stateDirectory, spec, user, host)
      await using network = pasta === undefined ? undefined : await networks.borrow(pasta, control.signal)
      const request = requestOf({
        spec,
        bundle,
        user,
        runtime,
        isCaptured: io.kind === 'capture',
        ...(network && { network: network.pid }),
      })
      const clock = createStopwatch(control, options)
      const end = await runners.run(request, io, clock.control)
      if (end.kind !== 'failed' && !end.networkLeft && !changesNetwork(spec)) network?.giveBack()
      try {
        return toOutcome(end, clock.elapsed())
      } catch (error) {
        // Runtimes keep their state beside the bundle, and few say plainly that there was no room for it.
        if (!isDiskFull(options.stateDirectory)) throw error
        throw diskFull("container did not run: no space left on the store's disk", error)
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([runners[Symbol.asyncDispose](), networks[Symbol.asyncDispose]()])
    },
  }
}

interface ContainerParts {
  readonly spec: ProcessSpec
  readonly bundle: Bundle
  readonly user: ResolvedUser
  readonly runtime: string
  /** Whose network it joins. */
  readonly network?: number
  readonly isCaptured: boolean
}

function requestOf({ spec, bundle, user, runtime, network, isCaptured }: ContainerParts): RunnerRequest {
  const { process, mounts, linux } = bundle.config
  const path = process.env.findLast((entry) => entry.startsWith('PATH='))?.slice('PATH='.length)
  return {
    id: spec.id,
    bundle: bundle.path,
    files: bundle.files,
    sources: planSources(spec.mounts, bundle.path),
    runtime,
    layers: spec.layers,
    upper: spec.upper,
    work: spec.work,
    network: network === undefined ? { kind: spec.network === 'host' ? 'host' : 'none' } : { kind: 'joined', pid: network },
    openPorts: spec.openPorts ?? false,
    cgroup: linux.cgroupsPath.slice(1),
    terminal: spec.terminal,
    capture: isCaptured,
    mounts: mountPoints(mounts, spec),
    cwd: { path: process.cwd, uid: user.uid, gid: user.gid },
    command: process.args[0] ?? '',
    ...(path === undefined ? {} : { path }),
  }
}

/** Whether the container, or we for it, may change more of a network than sockets that end with it. */
function changesNetwork({ security, openPorts }: ProcessSpec): boolean {
  return security === 'insecure' || openPorts === true
}

async function prepare(options: ExecutorOptions): Promise<HostFacts> {
  makeDirectory(options.stateDirectory)
  const [host] = await Promise.all([probeHost(options.runtime, options.env ?? ownEnvironment), sweepCgroups(options.effects.now())])
  return host
}

async function lookUp(spec: ProcessSpec, options: ExecutorOptions): Promise<ResolvedUser> {
  const [passwd, group] = await Promise.all(['/etc/passwd', '/etc/group'].map((path) => options.readRootFile(spec.layers, path)))
  return resolveUser(spec.user, textOf(passwd), textOf(group))
}

function textOf(bytes: Uint8Array | null | undefined): string {
  return bytes ? new TextDecoder().decode(bytes) : ''
}

interface Stopwatch {
  readonly control: ProcessControl
  /** Milliseconds since the container ran; zero when it never did. */
  elapsed(): number
}

function createStopwatch(control: ProcessControl, { effects }: ExecutorOptions): Stopwatch {
  let started: number | undefined
  return {
    control: {
      signal: control.signal,
      onStarted(send) {
        started = effects.monotonic()
        control.onStarted?.(send)
      },
    },
    elapsed: () => (started === undefined ? 0 : effects.monotonic() - started),
  }
}
