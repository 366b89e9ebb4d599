import { readFlags } from '../flags.ts'
import { problem } from '../problems.ts'
import type { RawInstruction } from '../source.ts'
import { splitQuoted } from '../split.ts'
import { type Located, missing } from './common.ts'

export interface ArgInstruction extends Located {
  readonly kind: 'arg'
  readonly args: readonly { readonly name: string; readonly value: string | undefined }[]
}

/** `ARG NAME[=DEFAULT] …`. @throws TsbError `TSB_DOCKERFILE_ARGUMENTS` */
export function readArg(raw: RawInstruction): ArgInstruction {
  readFlags(raw, {})
  const words = splitQuoted(raw.rest, raw.escape)
  if (words.length === 0) throw missing(raw)
  const args = words.map((word) => {
    const equals = word.indexOf('=')
    if (equals === 0) throw problem('TSB_DOCKERFILE_ARGUMENTS', '`ARG` without a name', raw.places.word(word), 'write `ARG NAME=value`')
    return equals < 0 ? { name: word, value: undefined } : { name: word.slice(0, equals), value: word.slice(equals + 1) }
  })
  return { kind: 'arg', raw, args }
}
