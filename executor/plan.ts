import { type Confinement, type ConfinementHost, confine } from './confinement.ts'
import { planMounts, type RuntimeMount } from './mounts.ts'
import type { ProcessSpec } from './types.ts'
import type { ResolvedUser } from './user.ts'

/** The part of `config.json` that we write (OCI runtime spec 1.0, config.md and config-linux.md). */
export interface RuntimeConfig {
  readonly ociVersion: string
  readonly hostname: string
  readonly process: RuntimeProcess
  readonly root: { readonly path: string; readonly readonly: boolean }
  readonly mounts: readonly RuntimeMount[]
  readonly linux: {
    readonly namespaces: readonly { readonly type: string }[]
    readonly cgroupsPath: string
  } & Confinement['linux']
}

export interface RuntimeProcess {
  readonly terminal: boolean
  readonly user: { readonly uid: number; readonly gid: number; readonly additionalGids: readonly number[] }
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly cwd: string
  readonly capabilities: Confinement['capabilities']
  readonly noNewPrivileges: boolean
}

/** What the plan needs to know of the machine. */
export interface PlanHost extends ConfinementHost {
  readonly cgroups: 'v1' | 'v2'
  /** The bundle's folder: what gets mounted stands in it. */
  readonly bundle: string
  /** Names this process among all of the machine: `groupOwner`. */
  readonly owner: string
}

/**
 * What the OCI runtime is told. The network is missing on purpose: the runtime inherits the one that its parent made.
 * Pure.
 */
export function planContainer(spec: ProcessSpec, user: ResolvedUser, host: PlanHost): RuntimeConfig {
  const { uid, gid, additionalGids } = user
  const { capabilities, linux } = confine(spec.security, host)
  const namespaces = ['pid', 'ipc', 'uts', 'mount']
  // Docker's rule: with version 1 a container sees the cgroup paths of the host.
  if (host.cgroups === 'v2') namespaces.push('cgroup')
  return {
    ociVersion: '1.0.2',
    hostname: spec.hostname,
    process: {
      terminal: spec.terminal,
      user: { uid, gid, additionalGids },
      args: spec.args,
      env: withHome(spec.env, user.home),
      cwd: spec.cwd,
      capabilities,
      noNewPrivileges: false,
    },
    root: { path: 'rootfs', readonly: spec.readonlyRoot },
    mounts: planMounts(spec, host.bundle),
    linux: {
      namespaces: namespaces.map((type) => ({ type })),
      cgroupsPath: `/${GROUP_PREFIX}${host.owner}-${spec.id}`,
      ...linux,
    },
  }
}

/** Directly below the hierarchy's root: a parent in common could not be removed without a race against its next user. */
export const GROUP_PREFIX = 'tsbuild-'

function withHome(env: readonly string[], home: string): readonly string[] {
  return env.some((entry) => entry.startsWith('HOME=')) ? env : [...env, `HOME=${home}`]
}
