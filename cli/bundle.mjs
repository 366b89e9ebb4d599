// Bundles the command line into dist/bundle: a tiny entry, and chunks that load when a command needs them.
import { rename, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = new URL('../', import.meta.url)
const path = (name) => fileURLToPath(new URL(name, root))
// A name of our own, so that two builds at a time do not mix their files.
const fresh = `dist/bundle.${process.pid}`

await build({
  entryPoints: { main: path('cli/main.ts') },
  outdir: path(fresh),
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // Native addons find their .node file beside themselves, which they could not from inside a bundle.
  external: ['better-sqlite3', '@napi-rs/blake-hash', '*.node'],
  // Bundled CommonJS packages call `require` for Node's own modules.
  banner: { js: `import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);` },
  chunkNames: 'chunks/[name]-[hash]',
  minifyWhitespace: true,
  minifySyntax: true,
  sourcemap: 'linked',
  logLevel: 'warning',
})
await rm(path('dist/bundle'), { recursive: true, force: true })
await rename(path(fresh), path('dist/bundle'))
