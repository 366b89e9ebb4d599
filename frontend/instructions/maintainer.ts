import { readFlags } from '../flags.ts'
import type { RawInstruction } from '../source.ts'
import { type Located, readOne } from './common.ts'

export interface MaintainerInstruction extends Located {
  readonly kind: 'maintainer'
  readonly author: string
}

/** `MAINTAINER name`, deprecated. @throws TsbError `TSB_DOCKERFILE_ARGUMENTS` */
export function readMaintainer(raw: RawInstruction): MaintainerInstruction {
  readFlags(raw, {})
  return { kind: 'maintainer', raw, author: readOne(raw) }
}
