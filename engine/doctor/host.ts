import { accessSync, constants, existsSync, statfsSync } from 'node:fs'
import { release } from 'node:os'
import { dirname, join } from 'node:path'
import { isTsbError } from '../../core/error.ts'
import { type HostFacts, probeHost } from '../../executor/probe.ts'
import { inspectDatabase } from '../../store/database.ts'
import { layoutOf } from '../../store/layout.ts'
import { type Environment, storeRoot } from '../host.ts'
import type { HostCheck } from './types.ts'

/** Less than this fails a build of any size. */
const SCARCE_BYTES = 1 << 30

/** Looks whether this machine has what builds need. Starts and changes nothing. */
export async function checkHost(env: Environment): Promise<readonly HostCheck[]> {
  const runtime = env['TSBUILD_RUNTIME'] || 'runc'
  const host = await probeHost(runtime, env)
  const root = storeRoot(env)
  return [
    { name: 'system', state: 'ok', detail: `Linux ${release()}, ${host.architecture}, node ${process.version}` },
    userCheck(host),
    overlayCheck(host),
    runtimeCheck(host, runtime),
    networkCheck(host),
    { name: 'cgroups', state: 'ok', detail: host.cgroups },
    storeCheck(root),
    diskCheck(root),
  ]
}

function userCheck({ root }: HostFacts): HostCheck {
  if (root) return { name: 'user', state: 'ok', detail: 'root' }
  const detail = `user id ${process.geteuid?.()}: steps with RUN need root`
  return { name: 'user', state: 'missing', detail, hint: 'run as root, for example with `sudo`' }
}

function overlayCheck({ overlay }: HostFacts): HostCheck {
  if (overlay) return { name: 'overlay', state: 'ok', detail: 'overlayfs' }
  const detail = 'the kernel has no overlayfs loaded'
  return { name: 'overlay', state: 'limited', detail, hint: 'load it if a build cannot: `modprobe overlay`' }
}

function runtimeCheck({ runtime }: HostFacts, name: string): HostCheck {
  if (runtime !== undefined) return { name: 'runtime', state: 'ok', detail: runtime }
  return { name: 'runtime', state: 'missing', detail: `no \`${name}\` in PATH`, hint: `install it: \`apt-get install ${name}\`` }
}

function networkCheck({ pasta }: HostFacts): HostCheck {
  if (pasta !== undefined) return { name: 'network', state: 'ok', detail: pasta }
  const detail = 'no `pasta` in PATH: steps have no network of their own'
  return { name: 'network', state: 'limited', detail, hint: 'install it: `apt-get install passt`, or use `--network host`' }
}

function storeCheck(root: string): HostCheck {
  const { database } = layoutOf(root)
  if (!existsSync(database)) return { name: 'store', state: 'ok', detail: `${root}, made by the first build` }
  try {
    const { version, newest } = inspectDatabase(database)
    if (!isWritable(root)) {
      const hint = 'mount it writable, get the permission, or set TSBUILD_ROOT to another directory'
      return { name: 'store', state: 'missing', detail: `${root} cannot be written to`, hint }
    }
    const detail =
      version === newest ? `${root}, version ${version}` : `${root}, version ${version}, brought to ${newest} by the next build`
    return { name: 'store', state: 'ok', detail }
  } catch (error) {
    if (!isTsbError(error)) throw error
    return { name: 'store', state: 'missing', detail: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) }
  }
}

/** Whether permissions and the mount let this process write there. */
function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Of the disk that the store is on, or will be. */
function diskCheck(root: string): HostCheck {
  let place = root
  while (!existsSync(place)) place = dirname(place)
  const { bavail, bsize, blocks } = statfsSync(place)
  const detail = `${gigabytes(bavail * bsize)} GB of ${gigabytes(blocks * bsize)} GB free at \`${join(place)}\``
  if (bavail * bsize >= SCARCE_BYTES) return { name: 'disk', state: 'ok', detail }
  return { name: 'disk', state: 'limited', detail, hint: 'free disk space, or set TSBUILD_ROOT to another disk' }
}

function gigabytes(bytes: number): string {
  return (bytes / 1e9).toFixed(1)
}
