import { readFlags } from '../flags.ts'
import { problem } from '../problems.ts'
import type { RawInstruction } from '../source.ts'
import { readJsonStrings, splitInstruction, splitKeyword } from '../split.ts'
import { type Located, readOne } from './common.ts'
import { splitPairs } from './pairs.ts'

export interface OnbuildInstruction extends Located {
  readonly kind: 'onbuild'
  /** The trigger as it is stored, here-documents included. */
  readonly trigger: string
}

/** `ONBUILD instruction`. @throws TsbError `TSB_DOCKERFILE_ARGUMENTS`, `TSB_DOCKERFILE_ONBUILD` */
export function readOnbuild(raw: RawInstruction): OnbuildInstruction {
  readFlags(raw, {})
  const trigger = splitInstruction(readOne(raw))
  const keyword = trigger.name
  if (keyword === 'ONBUILD' || keyword === 'FROM' || keyword === 'MAINTAINER') {
    throw problem(
      'TSB_DOCKERFILE_ONBUILD',
      `\`${keyword}\` cannot be a trigger`,
      raw.places.word(keyword),
      'put the instruction in the Dockerfiles that build on this image',
    )
  }
  assertShape({ ...raw, ...trigger })
  const bodies = raw.heredocs.map((heredoc) => `\n${heredoc.body}${heredoc.name}`).join('')
  return { kind: 'onbuild', raw, trigger: raw.text.replace(/^ONBUILD[\t\n\f\r ]*/i, '') + raw.trailing + bodies }
}

const JSON_ALLOWED = ['ADD', 'CMD', 'COPY', 'ENTRYPOINT', 'RUN', 'SHELL', 'VOLUME']

/** What BuildKit's parser finds wrong with a trigger; the rest comes to light where it fires. */
function assertShape(trigger: RawInstruction): void {
  if (trigger.rest === '') return
  if (trigger.name === 'ENV' || trigger.name === 'LABEL') splitPairs(trigger)
  else if (trigger.name === 'HEALTHCHECK') readJsonStrings(splitKeyword(trigger.rest).rest)
  else if (JSON_ALLOWED.includes(trigger.name)) readJsonStrings(trigger.rest)
}
