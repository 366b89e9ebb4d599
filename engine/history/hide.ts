import { hideCredentials } from '../../core/url.ts'
import { buildArgs } from '../compile.ts'
import type { Environment } from '../host.ts'
import type { BuildOptions } from '../types.ts'

/** Shorter values stand in too many words by accident; they are no passwords either. */
const SHORTEST = 8

/**
 * Takes out of names and messages what is nobody's business later: credentials in URLs, and values of build arguments, which become
 * the arguments' names. Most of them were never put in; this is the net below.
 */
export function hiderOf(options: BuildOptions, env: Environment): (text: string) => string {
  const values = [...buildArgs(options, env)].filter(([, value]) => value.length >= SHORTEST).sort(([, a], [, b]) => b.length - a.length)
  return (text) => values.reduce((hidden, [name, value]) => hidden.replaceAll(value, () => `\${${name}}`), hideCredentials(text))
}
