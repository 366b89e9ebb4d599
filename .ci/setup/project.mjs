import { existsSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { outputOf, ROOT, run, SetupError, unlessDone } from './step.mjs'

const SOURCES = [
  'core',
  'frontend',
  'registry',
  'native',
  'store',
  'executor',
  'snapshotter',
  'solver',
  'exporter',
  'engine',
  'cli',
  'test',
]

/** `npm ci`, when the installed tree is missing or older than the lock file. Install scripts stay off: see `compileSqlite`. */
export function installDependencies() {
  const installed = join(ROOT, 'node_modules/.package-lock.json')
  const current = existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(ROOT, 'package-lock.json')).mtimeMs
  if (!current) npm('npm dependencies', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'])
}

/**
 * Compiles better-sqlite3 from its sources. Its own install script would look for a prebuilt binary first,
 * and whether npm runs it at all depends on npm's version and settings; so it is asked for by name.
 */
export function compileSqlite() {
  if (sqliteWorks()) return
  npm('better-sqlite3 from source', ['rebuild', 'better-sqlite3', '--ignore-scripts=false'], {
    npm_config_build_from_source: 'true',
    ...nodeHeaders(),
  })
  // In another process: this one may have loaded the old binary, and would get it again.
  if (outputOf(process.execPath, ['-e', "new (require('better-sqlite3'))(':memory:')"]) === undefined)
    throw new SetupError('better-sqlite3 was not compiled', 'install a C++ compiler, make and python3, then run this again')
}

/** The Rust addon and the runner, into native/bin. */
export function buildNative() {
  const inputs = ['native']
  unlessDone('native', { inputs, outputs: ['native/bin/tsbuild.node', 'native/bin/tsbuild-runner'] }, () =>
    run('native code', process.execPath, ['native/build.mjs']),
  )
}

/** TypeScript into dist, and the command line's bundle. */
export function buildTypeScript() {
  const inputs = [...SOURCES, 'package.json', 'package-lock.json', 'tsconfig.json']
  unlessDone('typescript', { inputs, outputs: ['dist/cli/main.js', 'dist/bundle/tsbuild.cjs'] }, () =>
    npm('TypeScript', ['run', '-s', 'build']),
  )
}

function npm(title, args, env = {}) {
  const options = { env: { ...process.env, ...env } }
  const script = process.env.npm_execpath
  if (script?.endsWith('.js')) run(title, process.execPath, [script, ...args], options)
  else run(title, 'npm', args, options)
}

function sqliteWorks() {
  try {
    const Database = createRequire(join(ROOT, 'package.json'))('better-sqlite3')
    new Database(':memory:').close()
    return true
  } catch {
    return false
  }
}

/** Headers beside the node binary save node-gyp a download. */
function nodeHeaders() {
  const prefix = dirname(dirname(process.execPath))
  return existsSync(join(prefix, 'include/node/node.h')) ? { npm_config_nodedir: prefix } : {}
}
