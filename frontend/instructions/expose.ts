import { readFlags } from '../flags.ts'
import type { RawInstruction } from '../source.ts'
import { splitBlanks } from '../split.ts'
import { type Located, missing } from './common.ts'

export interface ExposeInstruction extends Located {
  readonly kind: 'expose'
  /** As written; a variable may hold several. */
  readonly ports: readonly string[]
}

/** `EXPOSE port[-port][/protocol] …`. @throws TsbError `TSB_DOCKERFILE_ARGUMENTS` */
export function readExpose(raw: RawInstruction): ExposeInstruction {
  readFlags(raw, {})
  const ports = splitBlanks(raw.rest)
  if (ports.length === 0) throw missing(raw)
  return { kind: 'expose', raw, ports }
}
