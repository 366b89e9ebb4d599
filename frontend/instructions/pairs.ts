import { readFlags } from '../flags.ts'
import { problem } from '../problems.ts'
import type { RawInstruction } from '../source.ts'
import { splitOnce, splitQuoted } from '../split.ts'
import { missing } from './common.ts'

/** A name and a value, quotes and variables still in them. */
export type Pair = readonly [name: string, value: string]

export interface Pairs {
  readonly pairs: readonly Pair[]
  /** `NAME rest of the line`, the old form. */
  readonly legacy: boolean
}

/** The arguments of ENV and LABEL: `name=value …`, or one name and the rest. @throws TsbError `TSB_DOCKERFILE_ARGUMENTS` */
export function readPairs(raw: RawInstruction): Pairs {
  readFlags(raw, {})
  const found = splitPairs(raw)
  if (found === undefined) throw missing(raw)
  const nameless = found.pairs.find(([name]) => name === '')
  if (nameless === undefined) return found
  const word = `=${nameless[1]}`
  throw problem('TSB_DOCKERFILE_ARGUMENTS', `\`${word}\` has no name`, raw.places.word(word), 'write `name=value`')
}

/** The same as far as the parser goes; `undefined` when there are none. @throws TsbError `TSB_DOCKERFILE_ARGUMENTS` */
export function splitPairs(raw: RawInstruction): Pairs | undefined {
  const words = splitQuoted(raw.rest, raw.escape)
  const first = words[0]
  if (first === undefined) return undefined
  if (!first.includes('=')) {
    const pair = splitOnce(raw.rest)
    if (pair !== undefined) return { pairs: [pair], legacy: true }
    throw problem('TSB_DOCKERFILE_ARGUMENTS', `\`${raw.name} ${first}\` has no value`, raw.span, `write \`${raw.name} ${first}=value\``)
  }
  const pairs = words.map((word): Pair => {
    const equals = word.indexOf('=')
    if (equals >= 0) return [word.slice(0, equals), word.slice(equals + 1)]
    const hint = 'write `name=value`, with quotes around a value that has blanks'
    throw problem('TSB_DOCKERFILE_ARGUMENTS', `\`${word}\` has no \`=\``, raw.places.word(word), hint)
  })
  return { pairs, legacy: false }
}
