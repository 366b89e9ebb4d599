#!/usr/bin/env -S node --
// The launcher that package.json's `bin` names: finds the bundle, turns the compile cache on, hands over.
// `--`, because node takes an `--env-file` for its own wherever it stands, in a container's command too.
import { existsSync, mkdirSync } from 'node:fs'
import module from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

const bundle = new URL('../../dist/bundle/main.js', import.meta.url)

if (existsSync(bundle)) {
  enableCompileCache()
  const { main } = await import(bundle.href)
  // Handles that a library forgot to close must not keep a finished command alive.
  process.exit(await main(process.argv.slice(2)))
} else {
  process.stderr.write('error: tsbuild is not built yet [TSB_CLI_NOT_BUILT]\nhint: run `npm run setup` in the repository\n')
  process.exit(3)
}

/** Node 22.1 and later keep compiled code there. No place for it means no cache, never an error. */
function enableCompileCache() {
  if (module.enableCompileCache === undefined) return
  const directory = process.env.NODE_COMPILE_CACHE || cacheDirectory()
  if (directory !== undefined) module.enableCompileCache(directory)
}

/** Made here, level by level: Node's own recursive way never ends below /proc, where some services have their HOME. */
function cacheDirectory() {
  const home = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  const directory = join(home, 'tsbuild')
  for (const each of [home, directory]) {
    try {
      mkdirSync(each, { mode: 0o700 })
    } catch (error) {
      if (error.code !== 'EEXIST') return undefined
    }
  }
  return directory
}
