import type { Diagnostic } from '../../core/diagnostic.ts'
import type { RawInstruction } from '../source.ts'
import { didYouMean } from '../suggest.ts'
import { warning } from './rule.ts'

/** UndefinedArgInFrom: FROM sees only ARGs before the first FROM, and the platform's. Found while expanding. */
export function undefinedArgInFrom(name: string, raw: RawInstruction, known: Iterable<string>): Diagnostic {
  const hint = didYouMean(name, known, `declare it with \`ARG ${name}\` before the first \`FROM\``)
  return warning('UndefinedArgInFrom', { message: `\`FROM\` uses \`$${name}\`, which is not set`, hint, span: raw.places.variable(name) })
}
