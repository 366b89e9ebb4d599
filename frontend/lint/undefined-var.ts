import type { Diagnostic } from '../../core/diagnostic.ts'
import type { RawInstruction } from '../source.ts'
import { didYouMean } from '../suggest.ts'
import { warning } from './rule.ts'

/** UndefinedVar: an instruction uses a variable that neither ARG nor ENV set. Found while expanding. */
export function undefinedVariable(name: string, raw: RawInstruction, known: Iterable<string>): Diagnostic {
  const hint = didYouMean(name, known, `declare it with \`ARG ${name}\` or \`ENV ${name}=…\``)
  return warning('UndefinedVar', { message: `variable \`$${name}\` is not set`, hint, span: raw.places.variable(name) })
}
