import { access, constants, readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import process from 'node:process'
import { TsbError } from '../core/error.ts'
import { groupOwner } from './cgroups.ts'
import { CAPABILITIES_BY_NUMBER } from './defaults.ts'

/** What this machine offers to containers. */
export interface HostFacts {
  /** Node's name. */
  readonly architecture: string
  readonly root: boolean
  /** That this process has. */
  readonly capabilities: readonly string[]
  /** Absolute paths of programs; absent when not installed. */
  readonly runtime?: string
  readonly pasta?: string
  /** Whether the kernel has overlayfs loaded; where it has not, mounting may still load it. */
  readonly overlay: boolean
  readonly cgroups: 'v1' | 'v2'
  /** `groupOwner` */
  readonly owner: string
}

/** Looks around: `runtime` is a name (searched in PATH) or a path. A few file system calls, no process. */
export async function probeHost(runtime: string, env: Readonly<Record<string, string | undefined>>): Promise<HostFacts> {
  const path = env['PATH'] ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  const [runtimePath, pasta, fileSystems, unified, status] = await Promise.all([
    findProgram(runtime, path),
    findProgram('pasta', path),
    readFile('/proc/filesystems', 'utf8').catch(() => ''),
    usable('/sys/fs/cgroup/cgroup.controllers', constants.R_OK),
    readFile('/proc/self/status', 'utf8'),
  ])
  return {
    architecture: process.arch,
    root: process.geteuid?.() === 0,
    capabilities: capabilitiesIn(status),
    ...(runtimePath === undefined ? {} : { runtime: runtimePath }),
    ...(pasta === undefined ? {} : { pasta }),
    overlay: /^nodev\toverlay$/m.test(fileSystems),
    cgroups: unified ? 'v2' : 'v1',
    owner: groupOwner(),
  }
}

/**
 * The runtime's path on a machine where containers can be run at all.
 * @throws TsbError `TSB_PRIVILEGE_MISSING`, `TSB_RUNTIME_MISSING`
 */
export function requireRuntime(host: HostFacts, runtime: string): string {
  if (!host.root) {
    throw new TsbError('TSB_PRIVILEGE_MISSING', `containers need root, this process has user id \`${process.geteuid?.()}\``, {
      hint: 'run as root, for example with `sudo`',
      fault: 'host',
    })
  }
  if (host.runtime !== undefined) return host.runtime
  throw new TsbError('TSB_RUNTIME_MISSING', `OCI runtime \`${runtime}\` not found`, {
    hint: runtime.includes('/') ? 'check the path of the runtime' : `install it: \`apt-get install ${runtime}\``,
    fault: 'host',
  })
}

/** @throws TsbError `TSB_NETWORK_MISSING` */
export function requirePasta(host: HostFacts): string {
  if (host.pasta !== undefined) return host.pasta
  throw new TsbError('TSB_NETWORK_MISSING', 'network of a container needs `pasta`, which is not installed', {
    hint: 'install it: `apt-get install passt`, or use `--network host`',
    fault: 'host',
  })
}

/** Of the text of /proc/self/status: those that are effective. */
function capabilitiesIn(status: string): readonly string[] {
  const mask = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`)
  return CAPABILITIES_BY_NUMBER.filter((_, number) => (mask >> BigInt(number)) & 1n)
}

async function findProgram(name: string, path: string): Promise<string | undefined> {
  const candidates = name.includes('/')
    ? [name]
    : path
        .split(delimiter)
        .filter(Boolean)
        .map((directory) => join(directory, name))
  for (const candidate of candidates) {
    if (await usable(candidate, constants.X_OK)) return candidate
  }
  return undefined
}

async function usable(path: string, mode: number): Promise<boolean> {
  try {
    await access(path, mode)
    return true
  } catch {
    return false
  }
}
