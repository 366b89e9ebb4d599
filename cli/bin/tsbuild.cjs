#!/usr/bin/env -S node --
// The launcher that package.json's `bin` names: runs the bundle, from compiled code where that fits this Node.
// `--`, because node takes an `--env-file` for its own wherever it stands, in a container's command too.
// CommonJS, because Node needs some milliseconds to start its loader of ES modules, which a cached build notices.
'use strict'
const { existsSync, readFileSync } = require('node:fs')
const { createRequire, wrap } = require('node:module')
const { dirname, join } = require('node:path')
const { Script } = require('node:vm')

const BUNDLE = join(__dirname, '../../dist/bundle/tsbuild.cjs')

if (existsSync(BUNDLE)) {
  const { main } = load(BUNDLE)
  // Handles that a library forgot to close must not keep a finished command alive.
  main(process.argv.slice(2)).then((code) => process.exit(code))
} else {
  process.stderr.write('error: tsbuild is not built yet [TSB_CLI_NOT_BUILT]\nhint: run `npm run setup` in the repository\n')
  process.exit(3)
}

/** As `require`, but with the code that cli/bundle.mjs put beside the bundle. Another version of Node compiles it again. */
function load(file) {
  // The bundle is ASCII: in this way it is taken as it is.
  const script = new Script(wrap(readFileSync(file, 'latin1')), { filename: file, cachedData: compiledCode(`${file}.code`) })
  const module = { exports: {} }
  script.runInThisContext()(module.exports, createRequire(file), module, file, dirname(file))
  return module.exports
}

function compiledCode(file) {
  try {
    return readFileSync(file)
  } catch {
    return undefined
  }
}
