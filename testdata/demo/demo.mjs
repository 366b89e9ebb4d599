// Builds testdata/demo and runs the image, as a user would: `npm run demo`.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const FOLDER = fileURLToPath(new URL('.', import.meta.url))
const LAUNCHER = fileURLToPath(new URL('../../cli/bin/tsbuild.cjs', import.meta.url))

tsbuild('-t', 'tsbuild/demo', '.')
tsbuild('run', '--rm', 'tsbuild/demo')
console.log('\nAgain: ./cli/bin/tsbuild.cjs -t tsbuild/demo testdata/demo')

function tsbuild(...args) {
  console.log(`$ tsbuild ${args.join(' ')}`)
  const { status } = spawnSync(process.execPath, [LAUNCHER, ...args], { cwd: FOLDER, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}
