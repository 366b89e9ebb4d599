import { readFileSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { TsbError } from '../../core/error.ts'

/** A text file that was found. */
export interface FoundFile {
  readonly path: string
  readonly bytes: Uint8Array
}

/**
 * The first of some files that exists.
 * @throws TsbError `TSB_DOCKERFILE_UNREADABLE`
 */
export async function readFirst(paths: readonly string[]): Promise<FoundFile | undefined> {
  for (const path of paths) {
    const bytes = await read(path)
    if (bytes !== undefined) return { path, bytes }
  }
  return undefined
}

async function read(path: string): Promise<Uint8Array | undefined> {
  try {
    // A pipe may keep us waiting, a file does not.
    return statSync(path).isFile() ? readFileSync(path) : await readFile(path)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new TsbError('TSB_DOCKERFILE_UNREADABLE', `cannot read \`${path}\`${code === 'EISDIR' ? ': it is a directory' : ` (${code})`}`, {
      fault: 'input',
      hint: code === 'EISDIR' ? 'name the file with `-f`' : 'check its permissions',
      cause: error,
    })
  }
}
