// Makes a fresh clone ready: `node setup.mjs` for the demo, `node setup.mjs --tests` for the tests.
// Every step looks first whether there is anything to do. No prebuilt binary is fetched behind npm's back.
import { buildDemoRoot, importDemoBase } from './.ci/setup/demo-base.mjs'
import { installHostTools } from './.ci/setup/host.mjs'
import { buildNative, buildTypeScript, compileSqlite, installDependencies } from './.ci/setup/project.mjs'
import { SetupError } from './.ci/setup/step.mjs'
import { checkToolchain } from './.ci/setup/toolchain.mjs'

const forTests = process.argv.includes('--tests')

try {
  checkToolchain()
  installHostTools(forTests)
  installDependencies()
  compileSqlite()
  buildNative()
  buildTypeScript()
  await buildDemoRoot()
  // The tests bring stores of their own; only the demo works in the user's.
  if (!forTests) importDemoBase()
} catch (error) {
  if (!(error instanceof SetupError)) throw error
  console.error(`setup: ${error.message}`)
  if (error.hint !== undefined) console.error(`hint: ${error.hint}`)
  process.exitCode = 3
}
