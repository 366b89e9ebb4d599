import { formatReference, parseReference } from '../../core/reference.ts'
import { type GitReference, isHttpUrl, parseGit } from '../../frontend/remote.ts'

/** What the user gave as a context, told by how it is written. */
export type ContextValue =
  | { readonly kind: 'directory'; readonly path: string }
  /** Canonical; or `scratch`. */
  | { readonly kind: 'image'; readonly reference: string }
  /** `oci-layout://PATH[:tag][@digest]`, as given. */
  | { readonly kind: 'layout'; readonly reference: string }
  | { readonly kind: 'stage'; readonly stage: string }
  | { readonly kind: 'git'; readonly git: GitReference }
  | { readonly kind: 'http'; readonly url: string }

export const LAYOUT_SCHEME = 'oci-layout://'

/**
 * Reads the value of `--build-context NAME=VALUE` (buildx, "Additional build contexts").
 * @throws TsbError `TSB_REFERENCE_INVALID`, `TSB_GIT_URL`
 */
export function parseContextValue(text: string): ContextValue {
  const [, scheme, rest = ''] = /^([a-z][a-z0-9+.-]*):(?:\/\/)?(.*)$/is.exec(text) ?? []
  switch (scheme?.toLowerCase()) {
    case 'docker-image':
      return { kind: 'image', reference: rest === 'scratch' ? rest : formatReference(parseReference(rest)) }
    case 'oci-layout':
      return { kind: 'layout', reference: text }
    case 'target':
      return { kind: 'stage', stage: rest }
    default:
      return parsePlace(text)
  }
}

function parsePlace(text: string): ContextValue {
  const git = parseGit(text)
  if (git !== undefined) return { kind: 'git', git }
  return isHttpUrl(text) ? { kind: 'http', url: text } : { kind: 'directory', path: text }
}
