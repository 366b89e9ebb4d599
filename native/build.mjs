// Builds the Rust core into native/bin: the addon that Node loads, and the runner of containers.
// Does nothing when no source is newer than what stands there. Called by setup.mjs; also `node native/build.mjs`.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, renameSync, statSync, utimesSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const target = resolve(here, process.env.CARGO_TARGET_DIR ?? 'target', 'release')

/** What cargo makes, and what we call it. */
const PRODUCTS = [
  { from: join(target, 'libaddon.so'), to: join(here, 'bin', 'tsbuild.node') },
  { from: join(target, 'tsbuild-runner'), to: join(here, 'bin', 'tsbuild-runner') },
]

if (Math.min(...PRODUCTS.map(({ to }) => changedAt(to))) < newestSource()) build()

function build() {
  const started = new Date()
  const cargo = spawnSync('cargo', ['build', '--release', '--locked', '--quiet', '--package', 'addon', '--package', 'runner'], {
    cwd: here,
    stdio: 'inherit',
  })
  if (cargo.error !== undefined) {
    console.error('cargo cannot be started: install Rust (rust-version in native/Cargo.toml) from https://rustup.rs')
    process.exit(3)
  }
  if (cargo.status !== 0) process.exit(cargo.status ?? 1)
  mkdirSync(join(here, 'bin'), { recursive: true })
  for (const { from, to } of PRODUCTS) {
    // By rename: a process that has the old file mapped keeps it.
    copyFileSync(from, `${to}.new`)
    // As old as its sources: what was edited during the build is newer.
    utimesSync(`${to}.new`, started, started)
    renameSync(`${to}.new`, to)
  }
}

/** When a file was written; long ago when there is none. */
function changedAt(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

function newestSource() {
  const files = ['Cargo.toml', 'Cargo.lock', ...readdirSync(join(here, 'crates'), { recursive: true }).map((name) => join('crates', name))]
  return Math.max(...files.filter((name) => /\.(rs|toml|lock|json|c|h)$/.test(name)).map((name) => changedAt(join(here, name))))
}
