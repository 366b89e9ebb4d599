import { mkdirSync, readFileSync } from 'node:fs'
import { hostsFile } from './hosts.ts'
import { planContainer, type RuntimeConfig } from './plan.ts'
import type { HostFacts } from './probe.ts'
import { containerResolvConf, isSystemdStub, SYSTEMD_RESOLV_CONF } from './resolv-conf.ts'
import type { NetworkMode, ProcessSpec } from './types.ts'
import type { ResolvedUser } from './user.ts'

const HOST_RESOLV_CONF = '/etc/resolv.conf'

/**
 * The folder that an OCI runtime starts a container from (OCI runtime spec, bundle.md). On disk it stays empty: each runner mounts
 * memory on it where nobody else sees that, because secrets may be among the files. So one folder does for all containers.
 */
export interface Bundle {
  readonly path: string
  readonly config: RuntimeConfig
  /** Its files: name to text. */
  readonly files: Readonly<Record<string, string>>
}

/** The bundle of `spec` in the folder `path`. */
export function makeBundle(path: string, spec: ProcessSpec, user: ResolvedUser, host: HostFacts): Bundle {
  const config = planContainer(spec, user, { ...host, bundle: path })
  const files = {
    'config.json': JSON.stringify(config),
    'resolv.conf': resolvConfFor(spec.network),
    hosts: hostsFile(spec.hostname, spec.extraHosts),
  }
  return { path, config, files }
}

/** Makes a directory, if it is not there. Not in Node's recursive way, which calls one missing that a failing disk refused. */
export function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}

function resolvConfFor(network: NetworkMode): string {
  const text = readOrEmpty(HOST_RESOLV_CONF)
  if (network === 'host') return text
  return containerResolvConf(isSystemdStub(text) ? readOrEmpty(SYSTEMD_RESOLV_CONF) : text)
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
