import { CAPABILITIES, KERNEL_MOUNTS, type KernelMount, MASKED_PATHS, READONLY_PATHS } from './defaults.ts'
import { defaultSeccomp, type SeccompProfile } from './seccomp.ts'
import type { Mount, ProcessSpec } from './types.ts'
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
    readonly resources: { readonly devices: readonly { readonly allow: boolean; readonly access: string }[] }
    readonly maskedPaths: readonly string[]
    readonly readonlyPaths: readonly string[]
    readonly seccomp: SeccompProfile
  }
}

export interface RuntimeProcess {
  readonly terminal: boolean
  readonly user: { readonly uid: number; readonly gid: number; readonly additionalGids: readonly number[] }
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly cwd: string
  readonly capabilities: Readonly<Record<'bounding' | 'effective' | 'permitted', readonly string[]>>
  readonly noNewPrivileges: boolean
}

export type RuntimeMount = KernelMount

/** What the plan needs to know of the machine. */
export interface PlanHost {
  /** Node's name of the architecture. */
  readonly architecture: string
  readonly cgroups: 'v1' | 'v2'
  /** Files that become /etc/resolv.conf and /etc/hosts. */
  readonly resolvConf: string
  readonly hosts: string
}

/**
 * What the OCI runtime is told. The network is missing on purpose: the runtime inherits the one that its parent made.
 * Pure.
 */
export function planContainer(spec: ProcessSpec, user: ResolvedUser, host: PlanHost): RuntimeConfig {
  const { uid, gid, additionalGids } = user
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
      capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
      noNewPrivileges: false,
    },
    root: { path: 'rootfs', readonly: spec.readonlyRoot },
    mounts: planMounts(spec.mounts, host),
    linux: {
      namespaces: namespaces.map((type) => ({ type })),
      cgroupsPath: `/${cgroupName(spec.id)}`,
      // The runtime adds the harmless ones (null, zero, tty …) itself.
      resources: { devices: [{ allow: false, access: 'rwm' }] },
      maskedPaths: MASKED_PATHS,
      readonlyPaths: READONLY_PATHS,
      seccomp: defaultSeccomp(host.architecture),
    },
  }
}

/** Directly below the hierarchy's root: a parent in common could not be removed without a race against its next user. */
export function cgroupName(id: string): string {
  return `tsbuild-${id}`
}

function withHome(env: readonly string[], home: string): readonly string[] {
  return env.some((entry) => entry.startsWith('HOME=')) ? env : [...env, `HOME=${home}`]
}

function planMounts(mounts: readonly Mount[], host: PlanHost): readonly RuntimeMount[] {
  const own = [
    bind(host.resolvConf, '/etc/resolv.conf', ['ro', 'nosuid', 'nodev', 'noexec']),
    bind(host.hosts, '/etc/hosts', ['ro', 'nosuid', 'nodev', 'noexec']),
  ]
  const asked = mounts.map(({ source, target, readonly }) => bind(source, target, [readonly ? 'ro' : 'rw']))
  const replaced = new Set(asked.map(({ destination }) => destination))
  // Parents before what lies in them; the sort is stable, so the order stays as it was otherwise.
  const binds = [...own.filter(({ destination }) => !replaced.has(destination)), ...asked].sort((a, b) => depth(a) - depth(b))
  return [...KERNEL_MOUNTS.filter(({ destination }) => !replaced.has(destination)), ...binds]
}

function bind(source: string, destination: string, options: readonly string[]): RuntimeMount {
  return { destination, type: 'bind', source, options: ['rbind', 'rprivate', ...options] }
}

function depth(mount: RuntimeMount): number {
  return mount.destination.split('/').length
}
