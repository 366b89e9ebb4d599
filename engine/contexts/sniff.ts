import { TsbError } from '../../core/error.ts'

/** So many of a stream's first bytes tell what it is. */
export const SNIFFED_BYTES = 1024

const MAGICS: readonly (readonly number[])[] = [
  [0x42, 0x5a, 0x68],
  [0x1f, 0x8b, 0x08],
  [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00],
]

/**
 * Whether some bytes begin a tar: plain, or packed with bzip2, gzip or xz. That is how docker's client and BuildKit tell a context
 * from a Dockerfile; zstd is not among them.
 */
export function beginsArchive(head: Uint8Array): boolean {
  return MAGICS.some((magic) => magic.every((byte, index) => head[index] === byte)) || isTarHeader(head)
}

/** Something packed by zstd is no archive by the rule above, and nobody means it to be a Dockerfile. @throws TsbError `TSB_CONTEXT_PACKING` */
export function refuseZstd(head: Uint8Array, what: string): void {
  if (![0x28, 0xb5, 0x2f, 0xfd].every((byte, index) => head[index] === byte)) return
  throw new TsbError('TSB_CONTEXT_PACKING', `${what} is packed with zstd, which a context cannot be`, {
    fault: 'input',
    hint: 'unpack it on the way: `zstd -dc FILE | tsbuild -`',
  })
}

/** POSIX pax(1), "ustar Interchange Format": a header's checksum counts its own field as blanks. */
function isTarHeader(head: Uint8Array): boolean {
  if (head.byteLength < 512) return false
  const field = Buffer.from(head.subarray(148, 156)).toString('latin1')
  const stated = /^[\0 ]*([0-7]+)[\0 ]/.exec(`${field}\0`)?.[1]
  if (stated === undefined) return false
  let unsigned = 0
  let signed = 0
  for (let index = 0; index < 512; index++) {
    const byte = index >= 148 && index < 156 ? 0x20 : (head[index] ?? 0)
    unsigned += byte
    signed += byte > 127 ? byte - 256 : byte
  }
  const sum = Number.parseInt(stated, 8)
  return sum === unsigned || sum === signed
}
