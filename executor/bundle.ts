import { mkdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hostsFile } from './hosts.ts'
import { planContainer, type RuntimeConfig } from './plan.ts'
import type { HostFacts } from './probe.ts'
import { containerResolvConf, isSystemdStub, SYSTEMD_RESOLV_CONF } from './resolv-conf.ts'
import type { NetworkMode, ProcessSpec } from './types.ts'
import type { ResolvedUser } from './user.ts'

const HOST_RESOLV_CONF = '/etc/resolv.conf'

/** The folder that an OCI runtime starts a container from (OCI runtime spec, bundle.md). */
export interface Bundle extends AsyncDisposable {
  readonly path: string
  readonly config: RuntimeConfig
}

/** Writes the bundle of `spec` under `stateDirectory`. Disposing removes it; the root is mounted in it only inside the runner. */
export async function writeBundle(stateDirectory: string, spec: ProcessSpec, user: ResolvedUser, host: HostFacts): Promise<Bundle> {
  const path = join(stateDirectory, spec.id)
  const resolvConf = join(path, 'resolv.conf')
  const hosts = join(path, 'hosts')
  const config = planContainer(spec, user, { architecture: host.architecture, cgroups: host.cgroups, resolvConf, hosts })
  const resolvers = await resolvConfFor(spec.network)
  await mkdir(path, { recursive: true, mode: 0o700 })
  await Promise.all([
    writeFile(join(path, 'config.json'), JSON.stringify(config)),
    writeFile(resolvConf, resolvers, { mode: 0o644 }),
    writeFile(hosts, hostsFile(spec.hostname, spec.extraHosts), { mode: 0o644 }),
  ])
  return { path, config, [Symbol.asyncDispose]: () => removeBundle(path) }
}

async function resolvConfFor(network: NetworkMode): Promise<string> {
  const text = await readOrEmpty(HOST_RESOLV_CONF)
  if (network === 'host') return text
  return containerResolvConf(isSystemdStub(text) ? await readOrEmpty(SYSTEMD_RESOLV_CONF) : text)
}

async function readOrEmpty(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch {
    return ''
  }
}

async function removeBundle(path: string): Promise<void> {
  // Not recursive: should a root ever be mounted there after all, its files must survive.
  await rmdir(join(path, 'rootfs')).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
  await rm(path, { recursive: true, force: true })
}
