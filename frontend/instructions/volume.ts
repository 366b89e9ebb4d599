import { readFlags } from '../flags.ts'
import { problem } from '../problems.ts'
import type { RawInstruction } from '../source.ts'
import { trim } from '../space.ts'
import { readJsonStrings, splitBlanks } from '../split.ts'
import { type Located, missing } from './common.ts'

export interface VolumeInstruction extends Located {
  readonly kind: 'volume'
  readonly paths: readonly string[]
}

/** `VOLUME path …` or `VOLUME ["path"]`. @throws TsbError `TSB_DOCKERFILE_ARGUMENTS` */
export function readVolume(raw: RawInstruction): VolumeInstruction {
  readFlags(raw, {})
  const words = readJsonStrings(raw.rest) ?? splitBlanks(raw.rest)
  if (words.length === 0) throw missing(raw)
  const paths = words.map(trim)
  if (paths.includes('')) throw problem('TSB_DOCKERFILE_ARGUMENTS', 'a volume needs a path', raw.span, 'write `VOLUME /path`')
  return { kind: 'volume', raw, paths }
}
