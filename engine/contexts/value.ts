import { TsbError } from '../../core/error.ts'
import { formatReference, parseReference } from '../../core/reference.ts'

/** What the user gave as a context, told by how it is written. */
export type ContextValue =
  | { readonly kind: 'directory'; readonly path: string }
  /** Canonical; or `scratch`. */
  | { readonly kind: 'image'; readonly reference: string }
  /** `oci-layout://PATH[:tag][@digest]`, as given. */
  | { readonly kind: 'layout'; readonly reference: string }
  | { readonly kind: 'stage'; readonly stage: string }

export const LAYOUT_SCHEME = 'oci-layout://'

/**
 * Reads the value of `--build-context NAME=VALUE` (buildx, "Additional build contexts").
 * @throws TsbError `TSB_REFERENCE_INVALID`, `TSB_USAGE_CONTEXT_KIND`
 */
export function parseContextValue(name: string, text: string): ContextValue {
  const [, scheme, rest = ''] = /^([a-z][a-z0-9+.-]*):(?:\/\/)?(.*)$/is.exec(text) ?? []
  switch (scheme?.toLowerCase()) {
    case 'docker-image':
      return { kind: 'image', reference: rest === 'scratch' ? rest : formatReference(parseReference(rest)) }
    case 'oci-layout':
      return { kind: 'layout', reference: text }
    case 'target':
      return { kind: 'stage', stage: rest }
    default:
      if (!/^(?:https?|git|ssh):\/\/|^[\w-]+@[\w.-]+:/.test(text)) return { kind: 'directory', path: text }
  }
  throw new TsbError('TSB_USAGE_CONTEXT_KIND', `context \`${name}\` cannot be \`${text}\``, {
    fault: 'usage',
    hint: 'give a directory, `docker-image://NAME`, `oci-layout://DIRECTORY` or `target:STAGE`',
  })
}
