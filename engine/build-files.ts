import { realpathSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, join, relative, resolve } from 'node:path'
import { TsbError } from '../core/error.ts'
import type { SourceFile } from '../core/span.ts'

/** The files that say what to build. */
export interface BuildFiles {
  /** Absolute context directory, links resolved. */
  readonly context: string
  readonly dockerfile: SourceFile
  readonly ignore?: SourceFile
}

/**
 * Finds and reads the Dockerfile and its ignore file, as docker does: `-f` is relative to the working directory,
 * `Dockerfile` (then `dockerfile`) in the context is the default, `<Dockerfile>.dockerignore` comes before `.dockerignore`.
 * `-` is standard input, which gets the name `Dockerfile`.
 * @throws TsbError `TSB_CONTEXT_MISSING`, `TSB_DOCKERFILE_MISSING`, `TSB_DOCKERFILE_UNREADABLE`
 */
export async function readBuildFiles(contextPath: string, file: string | undefined, signal: AbortSignal): Promise<BuildFiles> {
  const context = contextDirectory(contextPath)
  if (file === '-')
    return { context, dockerfile: { name: 'Dockerfile', text: await readInput(signal) }, ...(await ignoreFile([], context)) }
  const candidates = file === undefined ? [join(context, 'Dockerfile'), join(context, 'dockerfile')] : [resolve(file)]
  const path = await firstExisting(candidates)
  if (path === undefined) throw dockerfileMissing(candidates[0] ?? '', file)
  const dockerfile = { name: displayName(path, context), text: (await read(path)) ?? '' }
  return { context, dockerfile, ...(await ignoreFile([`${path}.dockerignore`], context)) }
}

async function ignoreFile(first: readonly string[], context: string): Promise<Pick<BuildFiles, 'ignore'>> {
  const path = await firstExisting([...first, join(context, '.dockerignore')])
  return path === undefined ? {} : { ignore: { name: displayName(path, context), text: (await read(path)) ?? '' } }
}

async function readInput(signal: AbortSignal): Promise<string> {
  const { openInput } = await import('./import.ts')
  const chunks: Uint8Array[] = []
  for await (const chunk of openInput('-', signal)) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

function contextDirectory(path: string): string {
  try {
    const real = realpathSync(resolve(path))
    if (statSync(real).isDirectory()) return real
  } catch {
    throw new TsbError('TSB_CONTEXT_MISSING', `no build context at \`${path}\``, {
      fault: 'input',
      hint: 'name an existing directory, `.` for this one',
    })
  }
  throw new TsbError('TSB_CONTEXT_MISSING', `the build context \`${path}\` is not a directory`, {
    fault: 'input',
    hint: 'name a directory; a Dockerfile goes with `-f`',
  })
}

async function firstExisting(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if ((await read(path)) !== undefined) return path
  return undefined
}

/** A file's text, or nothing when there is no such file. Bytes that are not UTF-8 are the frontend's to refuse. */
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

function displayName(path: string, context: string): string {
  const inside = relative(context, path)
  return inside.startsWith('..') ? path : inside || basename(path)
}

function dockerfileMissing(path: string, file: string | undefined): TsbError {
  return new TsbError('TSB_DOCKERFILE_MISSING', `no Dockerfile at \`${path}\``, {
    fault: 'input',
    hint:
      file === undefined
        ? 'name it with `-f`, or give the directory that holds it'
        : 'the path after `-f` is relative to the working directory',
  })
}
