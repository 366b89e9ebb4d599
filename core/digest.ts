import { blake3 } from '@napi-rs/blake-hash'
import { TsbError } from './error.ts'

/**
 * A content address, `algorithm:hex` (OCI image spec, descriptor.md "Digests").
 * `sha256` wherever OCI asks for it, `blake3` for our own identities.
 */
export type Digest = `${DigestAlgorithm}:${string}`

/** The algorithms we compute and accept; `sha512` appears only in foreign manifests. */
export type DigestAlgorithm = 'sha256' | 'sha512' | 'blake3'

const HEX_LENGTH: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha512: 128, blake3: 64 }

/**
 * Turns foreign text into a digest.
 * @throws TsbError `TSB_DIGEST_INVALID` when the algorithm is unknown or the hex has the wrong length or alphabet.
 */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text
  throw new TsbError('TSB_DIGEST_INVALID', `\`${text}\` is not a digest`, {
    hint: 'write `sha256:` and 64 lower-case hex digits',
    fault: 'input',
  })
}

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
