import { realpathSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { TsbError } from '../../core/error.ts'
import { readIgnore } from './dockerfile.ts'
import type { ContextSource, LocalTree } from './types.ts'

/** How a scan goes about a directory: `readAll` believes nothing that earlier ones remember. */
export interface ScanChoice {
  readonly readAll: boolean
}

/**
 * A directory of this machine as a named context, with its own `.dockerignore`.
 * @throws TsbError `TSB_CONTEXT_MISSING` at once; of the ignore file, `TSB_IGNORE_*`, when it is opened
 */
export function namedDirectory(name: string, path: string, { readAll }: ScanChoice): ContextSource {
  const root = contextDirectory(path, `context \`${name}\``)
  const open = async (): Promise<LocalTree> => {
    const { ignore: file } = await readIgnore(root, [])
    if (file === undefined) return { directory: { root, rules: [], readAll }, ignore: undefined }
    const { parseIgnore } = await import('../../frontend/index.ts')
    const ignore = parseIgnore({ name: resolve(path, file.name), text: file.text })
    return { directory: { root, rules: ignore.rules, readAll }, ignore }
  }
  let opened: Promise<LocalTree> | undefined
  return { kind: 'directory', open: () => (opened ??= open()) }
}

/** The directory at `path`, absolute and with links resolved; `what` says what it is for. @throws TsbError `TSB_CONTEXT_MISSING` */
export function contextDirectory(path: string, what: string): string {
  try {
    const real = realpathSync(resolve(path))
    if (statSync(real).isDirectory()) return real
  } catch {
    throw new TsbError('TSB_CONTEXT_MISSING', `there is nothing at \`${path}\` for ${what}`, {
      fault: 'input',
      hint: 'name an existing directory, `.` for this one',
    })
  }
  throw new TsbError('TSB_CONTEXT_MISSING', `${what} cannot be \`${path}\`, which is not a directory`, {
    fault: 'input',
    hint: 'name a directory; a Dockerfile goes with `-f`',
  })
}
