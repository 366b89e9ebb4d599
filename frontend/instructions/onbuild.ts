import { readFlags } from '../flags.ts'
import { problem } from '../problems.ts'
import type { RawInstruction } from '../source.ts'
import { splitKeyword } from '../split.ts'
import { type Located, readOne } from './common.ts'

export interface OnbuildInstruction extends Located {
  readonly kind: 'onbuild'
  /** The trigger as it is stored, here-documents included. */
  readonly trigger: string
}

/** `ONBUILD instruction`. @throws TsbError `TSB_DOCKERFILE_ARGUMENTS`, `TSB_DOCKERFILE_ONBUILD` */
export function readOnbuild(raw: RawInstruction): OnbuildInstruction {
  readFlags(raw, {})
  const keyword = splitKeyword(readOne(raw)).keyword.toUpperCase()
  if (keyword === 'ONBUILD' || keyword === 'FROM' || keyword === 'MAINTAINER') {
    throw problem(
      'TSB_DOCKERFILE_ONBUILD',
      `\`${keyword}\` cannot be a trigger`,
      raw.places.word(keyword),
      'put the instruction in the Dockerfiles that build on this image',
    )
  }
  const bodies = raw.heredocs.map((heredoc) => `\n${heredoc.body}${heredoc.name}`).join('')
  return { kind: 'onbuild', raw, trigger: raw.text.replace(/^\s*ONBUILD\s*/i, '') + bodies }
}
