import assert from 'node:assert/strict'
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import module from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Script } from 'node:vm'
import { VERSION } from '../../cli/version.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const BUNDLE = join(ROOT, 'dist/bundle/tsbuild.cjs')
const isBuilt = existsSync(BUNDLE)
const BUNDLE_OF_SEVEN = 'exports.main = async (argv) => { console.log(argv.join(" ")); return 7 }'

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
  writeFileSync(join(scratch, 'built/dist/bundle/tsbuild.cjs'), BUNDLE_OF_SEVEN)
  // Code that V8 has not made itself, and none.
  for (const code of ['no code', undefined]) {
    const file = join(scratch, 'built/dist/bundle/tsbuild.cjs.code')
    if (code === undefined) rmSync(file)
    else writeFileSync(file, code)
    const result = launch(launcher, ['a', '--b'], {})
    assert.deepEqual([result.status, result.stdout, result.stderr], [7, 'a --b\n', ''], code)
  }
})

test("started by its own name, it leaves node's `--env-file` to the command", () => {
  const launcher = copyLauncher('named')
  mkdirSync(join(scratch, 'named/dist/bundle'), { recursive: true })
  writeFileSync(join(scratch, 'named/dist/bundle/tsbuild.cjs'), BUNDLE_OF_SEVEN)
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH']}` }
  const result = spawnSync(launcher, ['run', 'img', '--env-file', 'none'], { encoding: 'utf8', env, timeout: 20_000 })
  assert.deepEqual([result.status, result.stdout, result.stderr], [7, 'run img --env-file none\n', ''])
})

test('--version from the clone', { skip: isBuilt ? false : 'no dist/bundle: run `npm run setup`' }, () => {
  const result = launch(join(ROOT, 'cli/bin/tsbuild.cjs'), ['--version'], {})
  assert.deepEqual([result.status, result.stdout, result.stderr], [0, `tsbuild ${VERSION}\n`, ''])
})

test('a lone word is looked up among directories', { skip: isBuilt ? false : 'no dist/bundle: run `npm run setup`' }, () => {
  const result = launch(join(ROOT, 'cli/bin/tsbuild.cjs'), ['nosuchword'], {})
  assert.deepEqual([result.status, result.stdout], [2, ''])
  assert.match(result.stderr, /TSB_USAGE_UNKNOWN_COMMAND/)
})

test('V8 takes the compiled code of the bundle', { skip: isBuilt ? false : 'no dist/bundle: run `npm run setup`' }, () => {
  const source = module.wrap(readFileSync(BUNDLE, 'utf8'))
  const script = new Script(source, { filename: BUNDLE, cachedData: readFileSync(`${BUNDLE}.code`) })
  assert.equal(script.cachedDataRejected, false)
})

test('`--version` loads nothing that only some commands need', {
  skip: isBuilt ? false : 'no dist/bundle: run `npm run setup`',
}, () => {
  const loaded = modulesLoadedBy(['--version'], {})
  assert.ok(loaded.includes('NativeModule vm'))
  const heavy = /^NativeModule (crypto|http|https|tls|child_process|zlib|readline)$|\.node$|node_modules/
  assert.deepEqual(
    loaded.filter((name) => heavy.test(name)),
    [],
  )
})

test('a cached build loads none of the modules of Node that take long', {
  skip: isBuilt ? false : 'no dist/bundle: run `npm run setup`',
}, () => {
  const context = join(scratch, 'context')
  mkdirSync(context)
  writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\nENV A=1\n')
  const env = { TSBUILD_ROOT: join(scratch, 'store'), DOCKER_CONFIG: scratch }
  const [cold, cached] = [0, 1].map(() => modulesLoadedBy(['-q', '-t', 'cached', context], env))
  assert.ok(cold?.some((name) => name.endsWith('.node')) && cached?.some((name) => name.endsWith('.node')))
  const heavy = /^NativeModule (crypto|http|https|tls|child_process|zlib|readline|fs\/promises|perf_hooks|worker_threads|dns)$/
  assert.deepEqual(
    cached?.filter((name) => heavy.test(name)),
    [],
  )
})

/** The modules, Node's own and others, that a command which prints one line has loaded in the end. */
function modulesLoadedBy(argv: readonly string[], env: Readonly<Record<string, string>>): readonly string[] {
  const preload = join(scratch, 'preload.cjs')
  const list = '[...process.moduleLoadList, ...Object.keys(require.cache)]'
  writeFileSync(preload, `process.on('exit', () => console.log(JSON.stringify(${list})))`)
  const command = ['-r', preload, join(ROOT, 'cli/bin/tsbuild.cjs'), ...argv]
  const result = spawnSync(process.execPath, command, { encoding: 'utf8', env: { ...process.env, ...env }, timeout: 20_000 })
  assert.equal(result.status, 0, result.stderr)
  return JSON.parse(result.stdout.split('\n')[1] ?? '')
}

function copyLauncher(name: string): string {
  const launcher = join(scratch, name, 'cli/bin/tsbuild.cjs')
  cpSync(join(ROOT, 'cli/bin/tsbuild.cjs'), launcher)
  return launcher
}

function launch(launcher: string, argv: readonly string[], env: Readonly<Record<string, string>>): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [launcher, ...argv], { encoding: 'utf8', env: { ...process.env, ...env }, timeout: 20_000 })
}
