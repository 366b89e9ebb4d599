// For bundle.mjs: runs the bundle (argument 1) twice on a build context (argument 2), so that the second build finds all in its cache,
// and keeps the code that V8 made of what ran beside it. What cannot run here (the native core is not built yet) is compiled at every start.
import { readFileSync, writeFileSync } from 'node:fs'
import module, { createRequire } from 'node:module'
import { dirname } from 'node:path'
import process from 'node:process'
import { Script } from 'node:vm'

const [file, context] = process.argv.slice(2)
const script = new Script(module.wrap(readFileSync(file, 'latin1')), { filename: file })
const bundle = { exports: {} }
script.runInThisContext()(bundle.exports, createRequire(file), bundle, file, dirname(file))
for (const flags of [['--progress=plain'], ['--quiet']]) await bundle.exports.main([...flags, '--tag', 'code', context])
writeFileSync(`${file}.code`, script.createCachedData())
process.exit(0)
