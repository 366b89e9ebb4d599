import { basename, isAbsolute, join, posix, relative, resolve } from 'node:path'
import { TsbError } from '../../core/error.ts'
import { type SourceFile, sourceFile } from '../../core/span.ts'
import { layerPaths } from '../../snapshotter/snapshot.ts'
import type { Keep } from '../remote/types.ts'
import { readFirst } from './files.ts'
import type { RemoteTree } from './types.ts'

/** A Dockerfile longer than this is something else. */
const MAX_BYTES = 64 << 20

/** A Dockerfile on this machine, and the ignore file that is its own. */
export interface LocalDockerfile {
  readonly dockerfile: SourceFile
  readonly ignore?: SourceFile
}

/**
 * Reads the Dockerfile of a directory, as docker finds it: `-f` is relative to the working directory, `Dockerfile` (then
 * `dockerfile`) in the directory is the default; `<Dockerfile>.dockerignore` comes before the directory's `.dockerignore`.
 * @throws TsbError `TSB_DOCKERFILE_MISSING`, `TSB_DOCKERFILE_UNREADABLE`
 */
export async function readLocalDockerfile(directory: string, file: string | undefined): Promise<LocalDockerfile> {
  const candidates = file === undefined ? [join(directory, 'Dockerfile'), join(directory, 'dockerfile')] : [resolve(file)]
  const found = await readFirst(candidates)
  if (found === undefined) {
    throw dockerfileMissing(
      candidates[0] ?? '',
      file === undefined
        ? 'name it with `-f`, or give the directory that holds it'
        : 'the path after `-f` is relative to the working directory',
    )
  }
  const dockerfile = sourceFile(displayName(found.path, directory), found.bytes)
  return { dockerfile, ...(await readIgnore(directory, [`${found.path}.dockerignore`])) }
}

/** The ignore file of a directory: the first of `before` that there is, else its `.dockerignore`. */
export async function readIgnore(directory: string, before: readonly string[]): Promise<Pick<LocalDockerfile, 'ignore'>> {
  const found = await readFirst([...before, join(directory, '.dockerignore')])
  return found === undefined ? {} : { ignore: sourceFile(displayName(found.path, directory), found.bytes) }
}

/**
 * Reads the Dockerfile of a context from elsewhere. `-f` is a path in it; one that is absolute is a file of this machine where
 * `ofMachine` says so.
 * @throws TsbError `TSB_DOCKERFILE_MISSING`, `TSB_DOCKERFILE_UNREADABLE`
 */
export async function readRemoteDockerfile(
  { snapshotter: { store, native } }: Keep,
  tree: RemoteTree,
  file: string | undefined,
  ofMachine: boolean,
): Promise<SourceFile> {
  if (file !== undefined && ofMachine && isAbsolute(file)) {
    const found = await readFirst([file])
    if (found === undefined) throw dockerfileMissing(file, 'a path that begins with a slash is one of this machine')
    return sourceFile(file, found.bytes)
  }
  const names = file === undefined ? [tree.single ?? 'Dockerfile', 'dockerfile'] : [file]
  for (const name of names) {
    const layers = layerPaths(store, tree.snapshot)
    const bytes = layers.length === 0 ? null : await native.readFile({ layers, path: posix.resolve('/', name), maxBytes: MAX_BYTES })
    if (bytes !== null) return sourceFile(name, bytes)
  }
  throw dockerfileMissing(names[0] ?? '', 'name it with `-f`: a path in the context')
}

function displayName(path: string, context: string): string {
  const inside = relative(context, path)
  return inside.startsWith('..') ? path : inside || basename(path)
}

function dockerfileMissing(path: string, hint: string): TsbError {
  return new TsbError('TSB_DOCKERFILE_MISSING', `no Dockerfile at \`${path}\``, { fault: 'input', hint })
}
