import { readFlags } from '../flags.ts'
import { problem } from '../problems.ts'
import type { RawInstruction } from '../source.ts'
import { splitBlanks } from '../split.ts'
import { type Located, missing } from './common.ts'

export interface FromInstruction extends Located {
  readonly kind: 'from'
  /** Image, `scratch` or stage, variables not yet expanded. */
  readonly base: string
  /** Lower case; empty when the stage has no name. */
  readonly name: string
  readonly platform: string | undefined
}

/** `FROM [--platform=P] BASE [AS NAME]`. @throws TsbError `TSB_DOCKERFILE_ARGUMENTS`, `TSB_DOCKERFILE_STAGE_NAME` */
export function readFrom(raw: RawInstruction): FromInstruction {
  const flags = readFlags(raw, { platform: 'text' })
  const words = splitBlanks(raw.rest)
  const [base, as, alias] = words
  if (base === undefined) throw missing(raw)
  if (words.length > 1 && (words.length !== 3 || as?.toUpperCase() !== 'AS')) {
    throw problem(
      'TSB_DOCKERFILE_ARGUMENTS',
      '`FROM` takes an image, or an image, `AS` and a name',
      raw.places.word(as ?? ''),
      'write `FROM image AS name`',
    )
  }
  const name = alias?.toLowerCase() ?? ''
  if (alias !== undefined && !/^[a-z][a-z0-9-_.]*$/.test(name)) {
    throw problem(
      'TSB_DOCKERFILE_STAGE_NAME',
      `\`${alias}\` cannot name a stage`,
      raw.places.word(alias),
      'begin it with a letter and use letters, digits, `-`, `_` and `.`',
    )
  }
  return { kind: 'from', raw, base, name, platform: flags.text('platform') || undefined }
}
