import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const NATIVE = fileURLToPath(new URL('../native', import.meta.url))
const GAUGE = resolve(NATIVE, process.env.CARGO_TARGET_DIR ?? 'target', 'release/examples/gauge')

/** Node reads these certificates at every start, which takes 30 ms and has nothing to do with the build. */
const { NODE_EXTRA_CA_CERTS: _, ...ENVIRONMENT } = process.env

/** The bench was told to stop: nothing goes on after it. */
export class Interrupted extends Error {}

/** Makes the small Rust program that measures (native/crates/layers/examples/gauge). */
export function buildGauge() {
  const cargo = spawnSync('cargo', ['build', '--release', '--locked', '--quiet', '-p', 'layers', '--example', 'gauge'], {
    cwd: NATIVE,
    stdio: 'inherit',
  })
  if (cargo.status !== 0) throw new Error('the gauge could not be built with cargo')
}

/** Runs a command to its end. @returns its `milliseconds` and the largest resident set among its processes, `peakKiB` */
export function timeCommand([command, ...args], env = {}) {
  return gauge(['run', command, ...args], env)
}

/** Measures one block (gauge's usage has them). @returns `milliseconds`, `files` and `bytes` */
export function timeBlock(verb, ...paths) {
  return gauge([verb, ...paths], {})
}

/** @returns standard output of a command that must succeed */
export function run([command, ...args], env = {}) {
  const result = spawnSync(command, args, { env: { ...ENVIRONMENT, ...env }, encoding: 'utf8', maxBuffer: 1 << 26 })
  if (result.signal !== null && result.error === undefined) throw new Interrupted(`${command}: ${result.signal}`)
  if (result.status === 0) return result.stdout
  const why = result.error?.message ?? `ended with ${result.status}\n${result.stderr}`
  throw new Error(`${[command, ...args].join(' ')}: ${why}`)
}

function gauge(args, env) {
  return JSON.parse(run([GAUGE, ...args], env))
}
