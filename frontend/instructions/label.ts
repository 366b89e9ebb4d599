import type { RawInstruction } from '../source.ts'
import type { Located } from './common.ts'
import { type Pairs, readPairs } from './pairs.ts'

export interface LabelInstruction extends Located, Pairs {
  readonly kind: 'label'
}

/** `LABEL name=value …` or `LABEL name value`. @throws TsbError `TSB_DOCKERFILE_ARGUMENTS` */
export function readLabel(raw: RawInstruction): LabelInstruction {
  return { kind: 'label', raw, ...readPairs(raw) }
}
