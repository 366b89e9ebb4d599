import { readFlags } from '../flags.ts'
import type { RawInstruction } from '../source.ts'
import { type Located, readOne } from './common.ts'

export interface UserInstruction extends Located {
  readonly kind: 'user'
  readonly user: string
}

/** `USER name[:group]`. @throws TsbError `TSB_DOCKERFILE_ARGUMENTS` */
export function readUser(raw: RawInstruction): UserInstruction {
  readFlags(raw, {})
  return { kind: 'user', raw, user: readOne(raw) }
}
