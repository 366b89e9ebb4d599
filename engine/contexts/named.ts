import type { NamedContext } from '../../frontend/index.ts'
import { namedDirectory } from './directory.ts'
import { fileContext, gitContext } from './remote.ts'
import type { ContextHost, ContextSource } from './types.ts'
import { parseContextValue } from './value.ts'

/** The named contexts of a build: what each name means, and the files behind those that are trees of files. */
export interface NamedContexts {
  readonly meanings: ReadonlyMap<string, NamedContext>
  /** By the name of the `local` op. */
  readonly sources: ReadonlyMap<string, ContextSource>
}

/**
 * Understands `--build-context`. A directory has to be there; nothing is read or fetched yet.
 * @throws TsbError `TSB_CONTEXT_MISSING`, `TSB_REFERENCE_INVALID`, `TSB_GIT_URL`
 */
export function namedContexts(host: ContextHost): NamedContexts {
  const { contexts, noStatCache } = host.options
  const meanings = new Map<string, NamedContext>()
  const sources = new Map<string, ContextSource>()
  for (const [name, text] of contexts) {
    const value = parseContextValue(text)
    switch (value.kind) {
      case 'directory':
        sources.set(name, namedDirectory(name, value.path, { readAll: noStatCache }))
        meanings.set(name, { kind: 'files' })
        break
      case 'git':
        sources.set(name, gitContext(host, { ...value.git, keepGitDir: value.git.keepGitDir ?? false }))
        meanings.set(name, { kind: 'files' })
        break
      case 'http':
        sources.set(name, fileContext(host, value.url))
        meanings.set(name, { kind: 'files' })
        break
      case 'image':
      case 'layout':
        meanings.set(name, { kind: 'image', reference: value.reference })
        break
      case 'stage':
        meanings.set(name, { kind: 'stage', stage: value.stage })
        break
    }
  }
  return { meanings, sources }
}
