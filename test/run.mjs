// The whole test suite: lint and types, Rust, then Node's runner, whose summary is the last thing printed.
// `--long` adds *.long.test.ts. Further arguments are patterns: only test files whose path contains one are run.
import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const long = process.argv.includes('--long')
const patterns = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))

const failed = []
if (patterns.length === 0) {
  step('lint', 'npx', ['--no-install', 'biome', 'check', '.'])
  // The set-up's stamps do not notice a test file that was removed: what is compiled is exactly what is there.
  rmSync(join(ROOT, 'dist/test'), { recursive: true, force: true })
  step('types', 'npx', ['--no-install', 'tsc', '-p', '.'])
  step('rust', 'cargo', ['test', '--quiet', '--workspace', '--manifest-path', 'native/Cargo.toml'])
} else step('types', 'npx', ['--no-install', 'tsc', '-p', '.'])

// Most tests wait for processes rather than compute; more than a few at once would only fight for the disk.
if (failed.length > 0) console.error(`failed before the tests: ${failed.join(', ')}`)
const concurrency = Math.min(4, availableParallelism())
const files = testFiles('dist/test')
step('tests', process.execPath, ['--enable-source-maps', '--test', '--test-reporter=spec', `--test-concurrency=${concurrency}`, ...files])
process.exitCode = failed.length === 0 ? 0 : 1

/** Output goes straight through; a failure is kept, and the rest runs all the same. */
function step(name, command, args) {
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] })
  if (error !== undefined) console.error(`${name}: ${error.message}`)
  if (status !== 0) failed.push(name)
}

function testFiles(folder) {
  const entries = readdirSync(join(ROOT, folder), { recursive: true }).map((name) => join(folder, name))
  return entries
    .filter((path) => path.endsWith('.test.js') && (long || !path.endsWith('.long.test.js')))
    .filter((path) => patterns.length === 0 || patterns.some((pattern) => path.includes(pattern)))
    .sort()
}
