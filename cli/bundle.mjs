// Bundles the command line into dist/bundle: one file, in which every module runs when it is first needed, and its compiled code.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { builtinModules, createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = new URL('../', import.meta.url)
const path = (name) => fileURLToPath(new URL(name, root))
// A name of our own, so that two builds at a time do not mix their files.
const fresh = `dist/bundle.${process.pid}`
/** What Node itself starts with. */
const LOADED_ANYWAY = new Set(['fs', 'path', 'module', 'vm', 'url', 'util', 'events', 'buffer', 'process', 'timers'])

await build({
  entryPoints: { tsbuild: path('cli/main.ts') },
  outdir: path(fresh),
  outExtension: { '.js': '.cjs' },
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  // What the launcher runs as a script cannot import: every `import()` becomes a `require`, of Node's own modules too.
  supported: { 'dynamic-import': false },
  // What is compiled for this machine stays where it is.
  external: ['@napi-rs/blake-hash-*', '*.node'],
  alias: { '@napi-rs/blake-hash': blakeHashBinding() },
  plugins: [lazyBuiltins()],
  define: { 'import.meta.url': '__bundleUrl' },
  banner: { js: `const __bundleUrl = require('node:url').pathToFileURL(__filename).href;` },
  minifyWhitespace: true,
  minifySyntax: true,
  sourcemap: 'linked',
  logLevel: 'warning',
})
escapeAll(path(`${fresh}/tsbuild.cjs`))
keepCompiled(path(`${fresh}/tsbuild.cjs`))
await rm(path('dist/bundle'), { recursive: true, force: true })
await rename(path(fresh), path('dist/bundle'))

/** The package of this platform, which the main one would spend milliseconds to find at every start. */
function blakeHashBinding() {
  const require = createRequire(import.meta.url)
  require('@napi-rs/blake-hash')
  const binding = Object.keys(require.cache).find((file) => /blake-hash-[^/]+\/[^/]+\.node$/.test(file))
  return binding === undefined ? '@napi-rs/blake-hash' : `@napi-rs/${/blake-hash-[^/]+/.exec(binding)[0]}`
}

/** Node loads a module of its own when something of it is used, and not where it is imported: some take milliseconds. */
function lazyBuiltins() {
  return {
    name: 'lazy-builtins',
    setup: ({ onResolve, onLoad }) => {
      const builtin = new RegExp(`^(node:)?(${builtinModules.join('|')})$`)
      onResolve({ filter: builtin }, ({ path, namespace }) =>
        namespace === 'lazy-builtin' ? { path, external: true } : { path: path.replace(/^node:/, ''), namespace: 'lazy-builtin' },
      )
      onLoad({ filter: /.*/, namespace: 'lazy-builtin' }, ({ path }) => ({ contents: lazyBuiltin(path) }))
    },
  }
}

/** A module whose exports are the builtin's, each looked up when it is read. */
function lazyBuiltin(name) {
  const whole = createRequire(import.meta.url)(name)
  if (LOADED_ANYWAY.has(name) || typeof whole === 'function') return `module.exports = require('${name}')`
  const names = Object.keys(whole).map((key) => JSON.stringify(key))
  return `for (const name of [${names}]) Object.defineProperty(exports, name, { enumerable: true, get: () => require('${name}')[name] })`
}

/** Esbuild leaves regular expressions as they are. A text of ASCII alone is read and kept without being decoded. */
function escapeAll(file) {
  const text = readFileSync(file, 'utf8')
  writeFileSync(
    file,
    text.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  )
}

/**
 * V8's code for cli/bin/tsbuild.cjs, of what a cached build runs: to read the code of every function would take longer than to compile
 * the few more that another command needs. V8 refuses what another version of it made.
 */
function keepCompiled(file) {
  const place = mkdtempSync(join(tmpdir(), 'tsbuild-bundle-'))
  try {
    writeFileSync(join(place, 'Dockerfile'), 'FROM scratch\nARG A=1\nENV B=$A\nCOPY Dockerfile /copy\nCMD ["/copy"]\n')
    const { status, stderr } = spawnSync(process.execPath, [path('cli/bundle-code.mjs'), file, place], {
      env: { TSBUILD_ROOT: join(place, 'store') },
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`the bundle does not run: ${stderr}`)
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}
