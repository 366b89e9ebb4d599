import type { RawInstruction } from '../source.ts'
import { type Located, readOne } from './common.ts'

export interface StopSignalInstruction extends Located {
  readonly kind: 'stopsignal'
  readonly signal: string
}

/** `STOPSIGNAL name-or-number`; what it expands to is checked later. @throws TsbError `TSB_DOCKERFILE_ARGUMENTS` */
export function readStopSignal(raw: RawInstruction): StopSignalInstruction {
  // BuildKit does not look at its flags.
  return { kind: 'stopsignal', raw, signal: readOne(raw) }
}
