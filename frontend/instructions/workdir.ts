import { readFlags } from '../flags.ts'
import type { RawInstruction } from '../source.ts'
import { type Located, readOne } from './common.ts'

export interface WorkdirInstruction extends Located {
  readonly kind: 'workdir'
  readonly path: string
}

/** `WORKDIR path`; the path may have blanks. @throws TsbError `TSB_DOCKERFILE_ARGUMENTS` */
export function readWorkdir(raw: RawInstruction): WorkdirInstruction {
  readFlags(raw, {})
  return { kind: 'workdir', raw, path: readOne(raw) }
}
