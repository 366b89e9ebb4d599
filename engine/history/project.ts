import { basename, dirname, relative, resolve } from 'node:path'
import { canonicalDigest } from '../../core/canonical.ts'
import type { Digest } from '../../core/digest.ts'
import { hideCredentials } from '../../core/url.ts'
import type { BuildOptions } from '../types.ts'

/** Which project a build is of: what it is called, and what tells it from others. */
export interface Project {
  readonly name: string
  readonly context: string
  readonly dockerfile: string
  /** Digest of what stays the same while somebody edits: where the sources are, and which Dockerfile. */
  readonly project: Digest
  /** The same with target and platform. */
  readonly variant: Digest
}

/** Reads the project off a build's options. What comes from standard input is told apart by the name of its image. */
export function projectOf({ context, file, target, platform, tags }: BuildOptions): Project {
  const isRemote = context === '-' || /^[a-z][a-z+.-]*:\/\/|^git@|^github\.com\//i.test(context)
  const place = isRemote ? withoutSecrets(context) : resolve(context)
  const dockerfile = file === undefined ? 'Dockerfile' : dockerfileName(file, isRemote ? undefined : place)
  const unnamed = context === '-' || file === '-' ? (tags[0] ?? '') : ''
  const project = { context: place, dockerfile, unnamed }
  const base = isRemote ? basename(place.replace(/#.*$/s, '').replace(/\.git$/, '')) : basename(place)
  return {
    name: `${base || place}${dockerfile === 'Dockerfile' ? '' : `/${dockerfile}`}${target === undefined ? '' : ` (${target})`}`,
    context: place,
    dockerfile,
    project: canonicalDigest(project),
    variant: canonicalDigest({ ...project, target: target ?? '', platform: platform ?? '' }),
  }
}

/** Signed links carry their secret behind the question mark. */
function withoutSecrets(url: string): string {
  return hideCredentials(url).replace(/\?[^#]*/, '')
}

function dockerfileName(file: string, context: string | undefined): string {
  if (file === '-' || /^https?:\/\//.test(file)) return withoutSecrets(file)
  if (context === undefined) return file
  const path = resolve(file)
  const inside = relative(context, path)
  return dirname(path) === context || !inside.startsWith('..') ? inside : path
}
