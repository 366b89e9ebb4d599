import type { Canonical } from '../core/canonical.ts'
import { canonical } from '../core/canonical.ts'
import { blake3Digest, type Digest } from '../core/digest.ts'

/** Part of every preimage: raise it when results of the same key would differ. */
const KEY_VERSION = 1

/** A step's identity (design, contract 1): what it does, and the content of what it uses. */
export interface Key {
  readonly digest: Digest
  /** The text that `digest` is the digest of. */
  readonly preimage: string
}

/** Computes a key from an op's facts and the content digests of its inputs. */
export function keyOf(facts: Canonical, inputs: readonly Digest[]): Key {
  const preimage = canonical({ version: KEY_VERSION, op: facts, inputs })
  return { digest: blake3Digest(preimage), preimage }
}
