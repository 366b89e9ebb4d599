import { readFlags } from '../flags.ts'
import { problem } from '../problems.ts'
import type { RawInstruction } from '../source.ts'
import { readJsonStrings } from '../split.ts'
import { type Located, missing } from './common.ts'

export interface ShellInstruction extends Located {
  readonly kind: 'shell'
  readonly shell: readonly string[]
}

/** `SHELL ["program", "argument"]`. @throws TsbError `TSB_DOCKERFILE_ARGUMENTS`, `TSB_DOCKERFILE_JSON` */
export function readShell(raw: RawInstruction): ShellInstruction {
  readFlags(raw, {})
  if (raw.rest === '') throw missing(raw)
  const shell = readJsonStrings(raw.rest)
  if (shell === undefined) {
    throw problem('TSB_DOCKERFILE_JSON', '`SHELL` takes a JSON array only', raw.span, 'write `SHELL ["/bin/bash", "-c"]`')
  }
  if (shell.length === 0) throw missing(raw)
  return { kind: 'shell', raw, shell }
}
