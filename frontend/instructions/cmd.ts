import { readFlags } from '../flags.ts'
import type { RawInstruction } from '../source.ts'
import { type CommandLine, type Located, readCommandLine } from './common.ts'

export interface CmdInstruction extends Located {
  readonly kind: 'cmd'
  readonly command: CommandLine
}

/** `CMD command` or `CMD ["program", "argument"]`. @throws TsbError `TSB_DOCKERFILE_JSON` */
export function readCmd(raw: RawInstruction): CmdInstruction {
  readFlags(raw, {})
  return { kind: 'cmd', raw, command: readCommandLine(raw) }
}
