import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const BASE_TAR = join(ROOT, 'node_modules/.cache/tsbuild/demo-base.tar')
const TAG = 'tsbuild-bench/result'

export const BASE = 'tsbuild-bench/base'

/** tsbuild from this clone, on a store of its own. */
export function tsbuildBuilder(disk) {
  const env = { ...environment(), TSBUILD_ROOT: join(disk, 'store') }
  const tsbuild = (...args) => run(process.execPath, [join(ROOT, 'cli/bin/tsbuild.mjs'), ...args], env)
  tsbuild('import', BASE_TAR, BASE)
  const version = tsbuild('--version').stdout.trim().split(' ').at(-1)
  return { name: 'tsbuild', version, build: (context) => timed(() => tsbuild('-q', '-t', TAG, context)) }
}

/** The engine that DOCKER_HOST leads to; an empty list when there is none. */
export function dockerBuilder() {
  const { status, stdout } = spawnSync('docker', ['version', '--format', '{{.Server.Version}}'], { encoding: 'utf8' })
  if (status !== 0) {
    console.error('no docker engine answers (DOCKER_HOST): tsbuild alone')
    return []
  }
  const env = environment()
  run('docker', ['import', BASE_TAR, BASE], env)
  return [
    {
      name: 'docker',
      version: stdout.trim(),
      build: (context) => timed(() => run('docker', ['buildx', 'build', '-q', '--load', '-t', TAG, context], env)),
    },
  ]
}

/** Node reads these certificates at every start, which takes 30 ms and has nothing to do with the build. */
function environment() {
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env
  return env
}

function timed(work) {
  const start = performance.now()
  work()
  return performance.now() - start
}

function run(command, args, env) {
  const result = spawnSync(command, args, { env, encoding: 'utf8', maxBuffer: 1 << 26 })
  if (result.status !== 0) throw new Error(`${[command, ...args].join(' ')} ended with ${result.status}\n${result.stderr}`)
  return result
}
