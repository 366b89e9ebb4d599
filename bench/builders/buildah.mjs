import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { run, timeCommand } from '../gauge.mjs'
import { BASE, RESULT } from './names.mjs'

/** Its own default limits are higher than what a container without CAP_SYS_RESOURCE may ask for. */
const LIMITS = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024']

/** Buildah on a store of its own. Its steps use the host's network, which is less work than the others do. */
export function openBuildah(place, base) {
  const [store, running] = [join(place, 'buildah'), join(place, 'buildah-run')]
  const command = (...args) => ['buildah', '--root', store, '--runroot', running, ...args]
  const build = (tag, context) =>
    command('build', '--quiet', '--layers', '--network', 'host', '--tls-verify=false', ...LIMITS, '-t', tag, context)
  const makeBase = () => run(build(BASE, base))
  const close = () => {
    for (const folder of [store, running]) rmSync(folder, { recursive: true, force: true })
  }
  makeBase()
  return {
    name: 'buildah',
    version: run(['buildah', '--version']).split(' ')[2],
    build: (context) => timeCommand(build(RESULT, context)),
    archives: ['gzip', 'zstd'],
    archive: (_, compression, file) =>
      timeCommand(command('push', '--quiet', '--compression-format', compression, '--force-compression', RESULT, `oci-archive:${file}`)),
    reset: () => {
      close()
      makeBase()
    },
    close,
  }
}
