import type { Span } from '../../core/span.ts'
import { problem } from '../problems.ts'

/** What a `check` directive, the build argument in its place, or a comment above an instruction asks of the rules. */
export interface CheckOptions {
  /** Rules left out, `all` for every one. */
  readonly skip: ReadonlySet<string>
  /** Experimental rules asked for, `all` for every one. */
  readonly experimental: ReadonlySet<string>
  /** Findings fail the build. */
  readonly error: boolean
}

export const NO_OPTIONS: CheckOptions = { skip: new Set(), experimental: new Set(), error: false }

const TRUE = /^(?:1|t|T|TRUE|true|True)$/
const FALSE = /^(?:0|f|F|FALSE|false|False)$/

/**
 * Reads `skip=A,B;error=true;experimental=C` as BuildKit does, which takes no blanks beyond the first part and at most three parts.
 * @throws TsbError `TSB_DOCKERFILE_DIRECTIVE_INVALID`
 */
export function readCheckOptions(text: string, span: Span | undefined): CheckOptions {
  const skip = new Set<string>()
  const experimental = new Set<string>()
  let error = false
  const parts = text.trim() === '' ? [] : text.trim().split(';')
  // The third part has all that follows.
  const first = parts.length > 3 ? [...parts.slice(0, 2), parts.slice(2).join(';')] : parts
  for (const part of first) {
    const equals = part.indexOf('=')
    const key = part.slice(0, Math.max(equals, 0)).trim()
    const value = part.slice(equals + 1).trim()
    if (key === 'skip') replace(skip, value)
    else if (key === 'experimental') replace(experimental, value)
    else if (key === 'error' && (TRUE.test(value) || FALSE.test(value))) error = TRUE.test(value)
    else {
      const hint = 'write `skip=Rule`, `skip=all`, `error=true` or `experimental=Rule`'
      throw problem('TSB_DOCKERFILE_DIRECTIVE_INVALID', `\`${part.trim()}\` is not a check option`, span, hint)
    }
  }
  return { skip, experimental, error }
}

/** Options of a comment block (`# check=skip=Rule`); the first line of that form counts, a malformed one does nothing. */
export function commentOptions(comments: readonly string[]): CheckOptions {
  for (const comment of comments) {
    const text = /^check\s*=\s*(\S+)/i.exec(comment)?.[1]
    if (text === undefined) continue
    try {
      return readCheckOptions(text, undefined)
    } catch {
      return NO_OPTIONS
    }
  }
  return NO_OPTIONS
}

/** A list given twice counts as the second, but `all` stays. */
function replace(rules: Set<string>, value: string): void {
  const hadAll = rules.has('all')
  rules.clear()
  if (hadAll) rules.add('all')
  for (const name of value.split(',')) rules.add(name.trim())
}
