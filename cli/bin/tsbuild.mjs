#!/usr/bin/env node
// The launcher that package.json's `bin` names: finds the bundle, turns the compile cache on, hands over.
import { existsSync } from 'node:fs'
import module from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

const bundle = new URL('../../dist/bundle/main.js', import.meta.url)

if (existsSync(bundle)) {
  // Node 22.1 and later. A directory that cannot be written only means no cache: the call never throws for it.
  module.enableCompileCache?.(process.env.NODE_COMPILE_CACHE || join(cacheHome(), 'tsbuild', 'compile'))
  const { main } = await import(bundle.href)
  // Handles that a library forgot to close must not keep a finished command alive.
  process.exit(await main(process.argv.slice(2)))
} else {
  process.stderr.write('error: tsbuild is not built yet [TSB_CLI_NOT_BUILT]\nhint: run `npm run setup` in the repository\n')
  process.exit(3)
}

function cacheHome() {
  return process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
}
