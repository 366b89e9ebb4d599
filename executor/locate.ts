import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TsbError } from '../core/error.ts'

const PLACE = join('native', 'bin', 'tsbuild-runner')

/**
 * The runner that was built with us. We may be a source, compiled, or in a bundle, each at another depth below the
 * folder that has `native/bin`.
 * @throws TsbError `TSB_RUNTIME_MISSING`
 */
export function findRunner(): string {
  let directory = dirname(fileURLToPath(import.meta.url))
  while (directory !== dirname(directory)) {
    const candidate = join(directory, PLACE)
    if (existsSync(candidate)) return candidate
    directory = dirname(directory)
  }
  throw new TsbError('TSB_RUNTIME_MISSING', `\`${PLACE}\` is not built`, { hint: 'run `npm run setup`', fault: 'host' })
}

/** The error of a runner that the system does not start. */
export function cannotStart(runnerPath: string, cause: unknown): TsbError {
  return new TsbError('TSB_RUNTIME_MISSING', `cannot start \`${runnerPath}\``, { hint: 'run `npm run setup`', fault: 'host', cause })
}
