import { join } from 'node:path'
import { KERNEL_MOUNTS, type KernelMount } from './defaults.ts'
import type { RunnerRequest, RunnerSource } from './protocol.ts'
import type { Mount, ProcessSpec } from './types.ts'

/** OCI runtime spec, config.md "Mounts". */
export type RuntimeMount = KernelMount

/**
 * What the OCI runtime mounts, in order: the kernel's file systems, then everything else, parents before what lies in them. What is
 * asked for replaces ours at the same place. Pure.
 */
export function planMounts(spec: Pick<ProcessSpec, 'mounts' | 'security'>, bundle: string): readonly RuntimeMount[] {
  const own = [
    bind(join(bundle, 'resolv.conf'), '/etc/resolv.conf', ['ro', 'nosuid', 'nodev', 'noexec']),
    bind(join(bundle, 'hosts'), '/etc/hosts', ['ro', 'nosuid', 'nodev', 'noexec']),
  ]
  const asked = spec.mounts.map((mount, index) => planMount(mount, placeOf(bundle, index)))
  const replaced = new Map(asked.map((mount) => [mount.destination, mount]))
  const left = own.filter(({ destination }) => !replaced.has(destination) && !isHidden(destination, spec.mounts))
  // In its place: what lies below is mounted on what replaces it, and not into the root.
  const kernel = KERNEL_MOUNTS.map((mount) => replaced.get(mount.destination) ?? (spec.security === 'insecure' ? writable(mount) : mount))
  const placed = new Set(KERNEL_MOUNTS.map(({ destination }) => destination))
  // The sort is stable, so the order stays as it was otherwise.
  const others = [...left, ...asked.filter(({ destination }) => !placed.has(destination))].sort((a, b) => depth(a) - depth(b))
  return [...kernel, ...others]
}

/** A step's mount covers what we mount below it, as with BuildKit: the files of a cache or a bind must not become mount points. */
function isHidden(destination: string, mounts: readonly Mount[]): boolean {
  return mounts.some(({ kind, target }) => (kind === 'tree' || kind === 'tmpfs') && destination.startsWith(`${target}/`))
}

/** What the runner has to put into the bundle for that. */
export function planSources(mounts: readonly Mount[], bundle: string): readonly RunnerSource[] {
  return mounts.flatMap((mount, index) => planSource(mount, placeOf(bundle, index)) ?? [])
}

/** Where something gets mounted, and of what kind that has to be; a new directory under a tmpfs gives it the mode that a tmpfs has. */
export function mountPoints(mounts: readonly RuntimeMount[], spec: Pick<ProcessSpec, 'mounts'>): RunnerRequest['mounts'] {
  const memory = new Set(spec.mounts.filter(({ kind }) => kind === 'tmpfs').map(({ target }) => target))
  return mounts.map(({ type, source, destination: target }) => {
    if (type === 'bind') return { target, source }
    return memory.has(target) ? { target, mode: 0o1777 } : { target }
  })
}

function planMount(mount: Mount, place: string): RuntimeMount {
  switch (mount.kind) {
    case 'host':
      return bind(mount.source, mount.target, [mount.readonly ? 'ro' : 'rw'])
    case 'tree':
      return bind(place, mount.target, [mount.readonly ? 'ro' : 'rw'])
    case 'file':
      return bind(place, mount.target, ['ro', 'nosuid', 'nodev', ...((mount.mode & 0o111) === 0 ? ['noexec'] : [])])
    case 'tmpfs': {
      const size = mount.size === undefined || mount.size === 0 ? [] : [`size=${mount.size}`]
      return {
        destination: mount.target,
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['nosuid', ...(mount.readonly ? ['ro'] : []), ...size],
      }
    }
  }
}

function planSource(mount: Mount, place: string): RunnerSource | undefined {
  switch (mount.kind) {
    case 'tree': {
      const { layers, upper, source: path } = mount
      return { place, kind: 'tree', layers, path, ...(upper === undefined ? {} : { upper }) }
    }
    case 'file': {
      const { content, mode, uid, gid } = mount
      return { place, kind: 'file', hex: Buffer.from(content).toString('hex'), mode, uid, gid }
    }
    case 'host':
    case 'tmpfs':
      return undefined
  }
}

function placeOf(bundle: string, index: number): string {
  return join(bundle, 'mounts', String(index))
}

function bind(source: string, destination: string, options: readonly string[]): RuntimeMount {
  return { destination, type: 'bind', source, options: ['rbind', 'rprivate', ...options] }
}

function writable(mount: RuntimeMount): RuntimeMount {
  return { ...mount, options: mount.options.map((option) => (option === 'ro' ? 'rw' : option)) }
}

function depth(mount: RuntimeMount): number {
  return mount.destination.split('/').length
}
