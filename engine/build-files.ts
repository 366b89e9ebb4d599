import { basename, join, relative, resolve } from 'node:path'
import { TsbError } from '../core/error.ts'
import type { SourceFile } from '../core/span.ts'
import { contextDirectory } from './contexts/directory.ts'
import { readFirst } from './contexts/files.ts'

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
  const context = contextDirectory(contextPath, 'the build context')
  if (file === '-')
    return { context, dockerfile: { name: 'Dockerfile', text: await readInput(signal) }, ...(await ignoreFile([], context)) }
  const candidates = file === undefined ? [join(context, 'Dockerfile'), join(context, 'dockerfile')] : [resolve(file)]
  const found = await readFirst(candidates)
  if (found === undefined) throw dockerfileMissing(candidates[0] ?? '', file)
  const dockerfile = { name: displayName(found.path, context), text: found.text }
  return { context, dockerfile, ...(await ignoreFile([`${found.path}.dockerignore`], context)) }
}

async function ignoreFile(first: readonly string[], context: string): Promise<Pick<BuildFiles, 'ignore'>> {
  const found = await readFirst([...first, join(context, '.dockerignore')])
  return found === undefined ? {} : { ignore: { name: displayName(found.path, context), text: found.text } }
}

async function readInput(signal: AbortSignal): Promise<string> {
  const { openInput } = await import('./import.ts')
  const chunks: Uint8Array[] = []
  for await (const chunk of openInput('-', signal)) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
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
