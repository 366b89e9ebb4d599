import { readFile } from 'node:fs/promises'
import { TsbError } from '../../core/error.ts'

/** A text file that was found. */
export interface FoundFile {
  readonly path: string
  readonly text: string
}

/**
 * The first of some files that exists. Bytes that are not UTF-8 are the frontend's to refuse.
 * @throws TsbError `TSB_DOCKERFILE_UNREADABLE`
 */
export async function readFirst(paths: readonly string[]): Promise<FoundFile | undefined> {
  for (const path of paths) {
    const text = await read(path)
    if (text !== undefined) return { path, text }
  }
  return undefined
}

async function read(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
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
