import assert from 'node:assert/strict'
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { VERSION } from '../../cli/version.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const BUNDLE = join(ROOT, 'dist/bundle/main.js')
const isBuilt = existsSync(BUNDLE)

const scratch = mkdtempSync(join(tmpdir(), 'tsbuild-launcher-'))
after(() => rmSync(scratch, { recursive: true }))

test('without a bundle: one error that says what to run', () => {
  const result = launch(copyLauncher('unbuilt'), [], {})
  assert.equal(result.status, 3)
  assert.equal(result.stdout, '')
  assert.match(result.stderr, /TSB_CLI_NOT_BUILT[\s\S]*npm run setup/)
})

test('the bundle gets the arguments and its answer is the exit code', () => {
  const launcher = copyLauncher('built')
  mkdirSync(join(scratch, 'built/dist/bundle'), { recursive: true })
  writeFileSync(join(scratch, 'built/dist/bundle/main.js'), 'export const main = async (argv) => { console.log(argv.join(" ")); return 7 }')
  writeFileSync(join(scratch, 'file'), '')
  // A cache that cannot be made, one in a place that cannot be a directory, and none at all.
  for (const cache of ['/proc/nowhere', join(scratch, 'file'), '']) {
    const result = launch(launcher, ['a', '--b'], { XDG_CACHE_HOME: cache, HOME: scratch })
    assert.deepEqual([result.status, result.stdout, result.stderr], [7, 'a --b\n', ''], cache)
  }
})

test("started by its own name, it leaves node's `--env-file` to the command", () => {
  const launcher = copyLauncher('named')
  mkdirSync(join(scratch, 'named/dist/bundle'), { recursive: true })
  writeFileSync(join(scratch, 'named/dist/bundle/main.js'), 'export const main = async (argv) => { console.log(argv.join(" ")); return 7 }')
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH']}` }
  const result = spawnSync(launcher, ['run', 'img', '--env-file', 'none'], { encoding: 'utf8', env, timeout: 20_000 })
  assert.deepEqual([result.status, result.stdout, result.stderr], [7, 'run img --env-file none\n', ''])
})

test('--version from the clone', { skip: isBuilt ? false : 'no dist/bundle: run `npm run setup`' }, () => {
  const result = launch(join(ROOT, 'cli/bin/tsbuild.mjs'), ['--version'], { XDG_CACHE_HOME: scratch })
  assert.deepEqual([result.status, result.stdout, result.stderr], [0, `tsbuild ${VERSION}\n`, ''])
})

test('the entry of the bundle loads nothing that only some commands need', {
  skip: isBuilt ? false : 'no dist/bundle: run `npm run setup`',
}, () => {
  const { files, modules } = staticImports(BUNDLE)
  assert.ok(files.reduce((sum, file) => sum + readFileSync(file).length, 0) < 20_000)
  assert.deepEqual(
    modules.filter((name) => name !== 'node:module'),
    [],
  )
})

function copyLauncher(name: string): string {
  const launcher = join(scratch, name, 'cli/bin/tsbuild.mjs')
  cpSync(join(ROOT, 'cli/bin/tsbuild.mjs'), launcher)
  return launcher
}

function launch(launcher: string, argv: readonly string[], env: Readonly<Record<string, string>>): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [launcher, ...argv], { encoding: 'utf8', env: { ...process.env, ...env }, timeout: 20_000 })
}

/** What is loaded before the first line runs: files of the bundle, and modules from outside. */
function staticImports(entry: string): { readonly files: string[]; readonly modules: string[] } {
  const files = [entry]
  const modules = new Set<string>()
  for (const file of files) {
    for (const [, first, second] of readFileSync(file, 'utf8').matchAll(
      /^(?:import|export)\b[^'"()]*?["']([^"']+)["']|;import[^'"()]*?["']([^"']+)["']/gm,
    )) {
      const name = first ?? second ?? ''
      if (!name.startsWith('.')) modules.add(name)
      else if (!files.includes(join(dirname(file), name))) files.push(join(dirname(file), name))
    }
  }
  return { files, modules: [...modules] }
}
