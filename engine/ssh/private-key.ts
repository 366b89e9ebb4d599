import { createPrivateKey, type JsonWebKey, type KeyObject, sign } from 'node:crypto'
import { openSshKey } from './openssh-key.ts'
import { sshNumber, sshString } from './wire.ts'

/** A private key as an agent has it. */
export interface AgentKey {
  /** The public key (RFC 4253, section 6.6). */
  readonly blob: Buffer
  /** A signature of `data`; `flags` choose the hash of an RSA key (draft-miller-ssh-agent, section 4.5.1). */
  sign(data: Buffer, flags: number): Buffer
}

/** Why a file is not a key that can be used. */
export class KeyProblem extends Error {}

/** By the names of JSON web keys. */
const CURVES: Readonly<Record<string, readonly [name: string, hash: string]>> = {
  'P-256': ['nistp256', 'sha256'],
  'P-384': ['nistp384', 'sha384'],
  'P-521': ['nistp521', 'sha512'],
}

const RSA_SHA2_256 = 2
const RSA_SHA2_512 = 4

/**
 * Reads a file of one private key: OpenSSH's own format, or PEM (PKCS #1, PKCS #8, SEC 1).
 * @throws KeyProblem for one with a passphrase, of a type that is not supported, or that is no key
 */
export function parsePrivateKey(text: string): AgentKey {
  const key = text.includes('-----BEGIN OPENSSH PRIVATE KEY-----') ? openSshKey(text) : pemKey(text)
  const jwk = key.export({ format: 'jwk' })
  switch (jwk.kty) {
    case 'RSA':
      return rsaKey(key, jwk)
    case 'EC':
      return ecdsaKey(key, jwk)
    case 'OKP':
      if (jwk.crv === 'Ed25519') return ed25519Key(key, jwk)
  }
  throw new KeyProblem(`keys of type \`${jwk.crv ?? jwk.kty ?? 'unknown'}\` are not supported`)
}

function pemKey(text: string): KeyObject {
  if (!text.includes('PRIVATE KEY-----')) throw new KeyProblem('it is not a private key')
  if (/^-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)) throw new KeyProblem('it has a passphrase')
  try {
    return createPrivateKey(text)
  } catch {
    // What the library says might show some of the key.
    throw new KeyProblem('it cannot be read as a key')
  }
}

function rsaKey(key: KeyObject, { e, n }: JsonWebKey): AgentKey {
  const blob = Buffer.concat([sshString('ssh-rsa'), sshNumber(bytesOf(e)), sshNumber(bytesOf(n))])
  return {
    blob,
    sign: (data, flags) => {
      const [name, hash] =
        (flags & RSA_SHA2_512) !== 0
          ? ['rsa-sha2-512', 'sha512']
          : (flags & RSA_SHA2_256) !== 0
            ? ['rsa-sha2-256', 'sha256']
            : ['ssh-rsa', 'sha1']
      return Buffer.concat([sshString(name), sshString(sign(hash, data, key))])
    },
  }
}

function ecdsaKey(key: KeyObject, { crv = '', x, y }: JsonWebKey): AgentKey {
  const curve = CURVES[crv]
  if (curve === undefined) throw new KeyProblem(`keys on the curve \`${crv}\` are not supported`)
  const [name, hash] = curve
  const type = `ecdsa-sha2-${name}`
  const point = Buffer.concat([Buffer.of(4), bytesOf(x), bytesOf(y)])
  return {
    blob: Buffer.concat([sshString(type), sshString(name), sshString(point)]),
    sign: (data) => {
      const both = sign(hash, data, { key, dsaEncoding: 'ieee-p1363' })
      const half = both.length / 2
      const numbers = Buffer.concat([sshNumber(both.subarray(0, half)), sshNumber(both.subarray(half))])
      return Buffer.concat([sshString(type), sshString(numbers)])
    },
  }
}

function ed25519Key(key: KeyObject, { x }: JsonWebKey): AgentKey {
  return {
    blob: Buffer.concat([sshString('ssh-ed25519'), sshString(bytesOf(x))]),
    sign: (data) => Buffer.concat([sshString('ssh-ed25519'), sshString(sign(null, data, key))]),
  }
}

function bytesOf(value: string | undefined): Buffer {
  return Buffer.from(value ?? '', 'base64url')
}
