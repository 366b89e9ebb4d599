import type { RawInstruction } from '../source.ts'
import type { Located } from './common.ts'
import { type Pairs, readPairs } from './pairs.ts'

export interface EnvInstruction extends Located, Pairs {
  readonly kind: 'env'
}

/** `ENV name=value …` or `ENV name value`. @throws TsbError `TSB_DOCKERFILE_ARGUMENTS` */
export function readEnv(raw: RawInstruction): EnvInstruction {
  return { kind: 'env', raw, ...readPairs(raw) }
}
