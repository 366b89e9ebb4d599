import { createHash } from 'node:crypto'
import { blake3 } from '@napi-rs/blake-hash'

/**
 * A content address, `algorithm:hex` (OCI image spec, descriptor.md "Digests").
 * `sha256` wherever OCI asks for it, `blake3` for our own identities.
 */
export type Digest = `${DigestAlgorithm}:${string}`

/** The algorithms we compute and accept; `sha512` appears only in foreign manifests. */
export type DigestAlgorithm = 'sha256' | 'sha512' | 'blake3'

const HEX_LENGTH: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha512: 128, blake3: 64 }

/** Whether `text` is a well-formed digest of an algorithm we know. */
export function isDigest(text: string): text is Digest {
  const colon = text.indexOf(':')
  const length = HEX_LENGTH[text.slice(0, colon) as DigestAlgorithm]
  return length !== undefined && text.length === colon + 1 + length && /^[0-9a-f]+$/.test(text.slice(colon + 1))
}

/** The part before the colon. */
export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.slice(0, digest.indexOf(':')) as DigestAlgorithm
}

/** The part after the colon. */
export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1)
}

/** Our own identity of some bytes (BLAKE3, 256 bit). */
export function blake3Digest(bytes: string | Uint8Array): Digest {
  return `blake3:${blake3(typeof bytes === 'string' ? bytes : Buffer.from(bytes)).toString('hex')}`
}

/** The identity that OCI gives some bytes (SHA-256): of a config it is the image ID. */
export function sha256Digest(bytes: string | Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
