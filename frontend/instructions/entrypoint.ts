import { readFlags } from '../flags.ts'
import type { RawInstruction } from '../source.ts'
import { type CommandLine, type Located, readCommandLine } from './common.ts'

export interface EntrypointInstruction extends Located {
  readonly kind: 'entrypoint'
  readonly command: CommandLine
}

/** `ENTRYPOINT command` or `ENTRYPOINT ["program", "argument"]`. @throws TsbError `TSB_DOCKERFILE_JSON` */
export function readEntrypoint(raw: RawInstruction): EntrypointInstruction {
  readFlags(raw, {})
  return { kind: 'entrypoint', raw, command: readCommandLine(raw) }
}
