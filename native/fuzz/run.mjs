// Runs every fuzz target (or those named) with libFuzzer: `node native/fuzz/run.mjs [--seconds N] [TARGET…]`.
// What was learnt stays in target/corpus for the next run; inputs that broke a promise in target/artifacts.
// Needs no nightly compiler: the flags are those of `cargo fuzz run --sanitizer none`.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const here = dirname(fileURLToPath(import.meta.url))
const target = resolve(here, process.env.CARGO_TARGET_DIR ?? 'target')
const COVERAGE = [
  '-Cpasses=sancov-module',
  '-Cllvm-args=-sanitizer-coverage-level=4',
  '-Cllvm-args=-sanitizer-coverage-inline-8bit-counters',
  '-Cllvm-args=-sanitizer-coverage-pc-table',
  '-Cllvm-args=-sanitizer-coverage-trace-compares',
  '--cfg=fuzzing',
]

const { values, positionals } = parseArgs({ options: { seconds: { type: 'string', default: '60' } }, allowPositionals: true })
const binary = build()
const failed = (positionals.length > 0 ? positionals : allTargets()).filter((name) => !fuzz(name, binary, Number(values.seconds)))
if (failed.length > 0) console.error(`broken promises: ${failed.join(', ')}; inputs in ${join(target, 'artifacts')}`)
process.exitCode = failed.length === 0 ? 0 : 1

function build() {
  // Not --locked: the lock file follows what the crates of the product need.
  // With --target the flags are not for build scripts, which could not be linked with them.
  const triple = /^host: (.*)$/m.exec(run('rustc', ['-vV'], { stdio: 'pipe', encoding: 'utf8' }).stdout)?.[1] ?? ''
  const env = { ...process.env, CARGO_TARGET_DIR: target, RUSTFLAGS: COVERAGE.join(' ') }
  const { status } = run('cargo', ['build', '--release', '--quiet', '--target', triple], { cwd: here, env, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
  return join(target, triple, 'release', 'fuzz')
}

function allTargets() {
  const source = readFileSync(join(here, '../crates/hostile/src/lib.rs'), 'utf8')
  return [...source.matchAll(/Target \{ name: "([\w-]+)"/g)].map(([, name]) => name)
}

/** @returns whether the target kept its promises for so long */
function fuzz(name, program, seconds) {
  const [corpus, artifacts] = [join(target, 'corpus', name), join(target, 'artifacts', name)]
  for (const folder of [corpus, artifacts]) mkdirSync(folder, { recursive: true })
  // In memory where there is such a file system: every run of some targets makes and removes a few files.
  const scratch = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'tsbuild-fuzz-'))
  const env = { ...process.env, HOSTILE_TARGET: name, HOSTILE_CORPUS: corpus, TMPDIR: scratch }
  const bounds = [`-max_total_time=${seconds}`, '-max_len=16384', '-timeout=20', '-rss_limit_mb=2048', '-print_final_stats=1']
  try {
    const { status, stderr } = run(program, [corpus, ...bounds, `-artifact_prefix=${artifacts}/`], { env, encoding: 'utf8' })
    const runs = /number_of_executed_units: *(\d+)/.exec(stderr)?.[1] ?? '?'
    const coverage = [...stderr.matchAll(/cov: (\d+)/g)].at(-1)?.[1] ?? '?'
    console.log(`${name}: ${status === 0 ? 'ok' : 'FAILED'}, ${runs} runs, ${coverage} edges`)
    if (status !== 0) console.error(stderr.slice(-4000))
    return status === 0
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

function run(program, args, options) {
  const finished = spawnSync(program, args, { maxBuffer: 1 << 28, ...options })
  if (finished.error !== undefined) throw finished.error
  return finished
}
