import { createPrivateKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { KeyProblem } from './private-key.ts'
import { type SshReader, sshReader } from './wire.ts'

const MAGIC = 'openssh-key-v1\0'

/** OpenSSH's names of curves, and those of JSON web keys. */
const CURVES: Readonly<Record<string, readonly [name: string, bytes: number]>> = {
  nistp256: ['P-256', 32],
  nistp384: ['P-384', 48],
  nistp521: ['P-521', 66],
}

/** The key in a file of OpenSSH's own format (PROTOCOL.key of OpenSSH), which no library of ours reads. @throws KeyProblem */
export function openSshKey(text: string): KeyObject {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([\sA-Za-z0-9+/=]*)-----END OPENSSH PRIVATE KEY-----/.exec(text)?.[1]
  if (body === undefined) throw new KeyProblem('it is cut off')
  const bytes = Buffer.from(body, 'base64')
  if (bytes.subarray(0, MAGIC.length).toString('latin1') !== MAGIC) throw new KeyProblem('it is not of the format that it says')
  try {
    return createPrivateKey({ key: webKey(sshReader(bytes.subarray(MAGIC.length))), format: 'jwk' })
  } catch (error) {
    if (error instanceof KeyProblem) throw error
    // What the library says might show some of the key.
    throw new KeyProblem('it cannot be read as a key')
  }
}

function webKey(file: SshReader): JsonWebKey {
  const cipher = file.string().toString('latin1')
  if (cipher !== 'none') throw new KeyProblem('it has a passphrase')
  // Name and options of the key derivation.
  file.string()
  file.string()
  if (file.uint32() !== 1) throw new KeyProblem('it holds more than one key')
  file.string()
  const section = sshReader(file.string())
  // Twice the same number, by which a wrong passphrase shows.
  const check = section.uint32()
  if (section.uint32() !== check) throw new KeyProblem('it is damaged')
  const type = section.string().toString('latin1')
  if (type === 'ssh-ed25519') return ed25519(section)
  if (type === 'ssh-rsa') return rsa(section)
  if (/^ecdsa-sha2-nistp\d+$/.test(type)) return ecdsa(section)
  throw new KeyProblem(`keys of type \`${type}\` are not supported`)
}

function ed25519(section: SshReader): JsonWebKey {
  const x = section.string()
  // The seed, and the public key again.
  return { kty: 'OKP', crv: 'Ed25519', x: encode(x), d: encode(section.string().subarray(0, 32)) }
}

function ecdsa(section: SshReader): JsonWebKey {
  const name = section.string().toString('latin1')
  const curve = CURVES[name]
  if (curve === undefined) throw new KeyProblem(`keys on the curve \`${name}\` are not supported`)
  const [crv, size] = curve
  const point = section.string()
  const d = section.number()
  const padded = Buffer.concat([Buffer.alloc(Math.max(0, size - d.length)), d])
  return { kty: 'EC', crv, x: encode(point.subarray(1, 1 + size)), y: encode(point.subarray(1 + size)), d: encode(padded) }
}

function rsa(section: SshReader): JsonWebKey {
  const [n, e, d, qi, p, q] = Array.from({ length: 6 }, () => section.number()) as [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer]
  const remainder = (prime: Buffer): Buffer => toBytes(toNumber(d) % (toNumber(prime) - 1n))
  const parts = { n, e, d, p, q, qi, dp: remainder(p), dq: remainder(q) }
  return { kty: 'RSA', ...Object.fromEntries(Object.entries(parts).map(([name, bytes]) => [name, encode(bytes)])) }
}

function toNumber(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex') || '0'}`)
}

function toBytes(value: bigint): Buffer {
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
}

function encode(bytes: Buffer): string {
  return bytes.toString('base64url')
}
