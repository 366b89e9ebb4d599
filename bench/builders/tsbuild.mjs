import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run, timeCommand } from '../gauge.mjs'
import { BASE, RESULT } from './names.mjs'

const LAUNCHER = fileURLToPath(new URL('../../cli/bin/tsbuild.cjs', import.meta.url))

/** tsbuild from this clone, on a store of its own. */
export function openTsbuild(place, base) {
  const store = join(place, 'tsbuild')
  const env = { TSBUILD_ROOT: store }
  const command = (...args) => [process.execPath, LAUNCHER, ...args]
  const makeBase = () => run(command('-q', '-t', BASE, base), env)
  const close = () => rmSync(store, { recursive: true, force: true })
  makeBase()
  return {
    name: 'tsbuild',
    version: run(command('--version')).trim().split(' ').at(-1),
    build: (context) => timeCommand(command('-q', '-t', RESULT, context), env),
    archives: ['gzip', 'zstd'],
    archive: (context, compression, file) => {
      const form = compression === 'gzip' ? '' : `,compression=${compression}`
      return timeCommand(command('-q', '-o', `type=oci,dest=${file}${form}`, context), env)
    },
    reset: () => {
      close()
      makeBase()
    },
    close,
  }
}
