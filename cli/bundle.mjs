// Bundles the command line into dist/bundle: one file, in which every module runs when it is first needed, and its compiled code.
import { readFileSync, writeFileSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import module, { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { Script } from 'node:vm'
import { build } from 'esbuild'

const root = new URL('../', import.meta.url)
const path = (name) => fileURLToPath(new URL(name, root))
// A name of our own, so that two builds at a time do not mix their files.
const fresh = `dist/bundle.${process.pid}`

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
  plugins: [lazySpawn()],
  define: { 'import.meta.url': '__bundleUrl' },
  banner: { js: `const __bundleUrl = require('node:url').pathToFileURL(__filename).href;` },
  minifyWhitespace: true,
  minifySyntax: true,
  sourcemap: 'linked',
  logLevel: 'warning',
})
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

/** Commander can start programs as subcommands. We have none, and loading the module for it takes a while. */
function lazySpawn() {
  return {
    name: 'lazy-spawn',
    setup: ({ onResolve, onLoad }) => {
      onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
        importer.includes('/commander/') ? { path: 'spawn', namespace: 'lazy-spawn' } : undefined,
      )
      onLoad({ filter: /.*/, namespace: 'lazy-spawn' }, () => ({
        contents: `exports.spawn = (...all) => require('child_process').spawn(...all)`,
      }))
    },
  }
}

/** V8's code of every function, for cli/bin/tsbuild.cjs. V8 refuses what another version of it made. */
function keepCompiled(file) {
  setFlagsFromString('--no-lazy')
  const script = new Script(module.wrap(readFileSync(file, 'utf8')), { filename: file })
  // The flags are part of what V8 compares.
  setFlagsFromString('--lazy')
  writeFileSync(`${file}.code`, script.createCachedData())
}
