/** The data types of SSH (RFC 4251, section 5). */

/** A string: its length and its bytes. */
export function sshString(value: Uint8Array | string): Buffer {
  const bytes = Buffer.from(value as Uint8Array)
  return Buffer.concat([sshUint32(bytes.length), bytes])
}

/** A number that is not negative, from its bytes, highest first. */
export function sshNumber(value: Uint8Array): Buffer {
  const first = value.findIndex((byte) => byte !== 0)
  const bytes = first < 0 ? Buffer.alloc(0) : Buffer.from(value.subarray(first))
  const isHigh = (bytes[0] ?? 0) >= 0x80
  return sshString(isHigh ? Buffer.concat([Buffer.of(0), bytes]) : bytes)
}

export function sshUint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** Reads the values of a message one after the other. */
export interface SshReader {
  string(): Buffer
  /** The bytes of a number, without leading zeros. */
  number(): Buffer
  uint32(): number
}

/** @throws RangeError at the end of the bytes */
export function sshReader(bytes: Buffer): SshReader {
  let at = 0
  const reader: SshReader = {
    uint32: () => {
      at += 4
      return bytes.readUInt32BE(at - 4)
    },
    string: () => {
      const length = reader.uint32()
      if (at + length > bytes.length) throw new RangeError('a string is longer than its message')
      at += length
      return bytes.subarray(at - length, at)
    },
    number: () => {
      const value = reader.string()
      const first = value.findIndex((byte) => byte !== 0)
      return value.subarray(first < 0 ? value.length : first)
    },
  }
  return reader
}
