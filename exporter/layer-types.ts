import type { Transform } from 'node:stream'
import * as zlib from 'node:zlib'
import { TsbError } from '../core/error.ts'
import type { Compression } from '../core/media-types.ts'

const ZSTD_MAGIC = 0x28b52ffd
/** Bytes that suffice for `compressionOfBytes`. */
export const MAGIC_BYTES = 6

/**
 * How a tar is packed, told by its first bytes; what has no known mark is taken for a plain tar.
 * @throws TsbError `TSB_ARCHIVE_COMPRESSION` for packings that Node cannot open
 */
export function compressionOfBytes(head: Uint8Array): Compression {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength)
  if (bytes.length >= 2 && bytes.readUInt16BE(0) === 0x1f8b) return 'gzip'
  if (bytes.length >= 4 && bytes.readUInt32BE(0) === ZSTD_MAGIC) return 'zstd'
  if (bytes.subarray(0, 6).equals(Buffer.from('fd377a585a00', 'hex'))) throw cannotUnpack('xz')
  if (/^BZh[1-9]/.test(bytes.subarray(0, 4).toString('latin1'))) throw cannotUnpack('bzip2')
  return 'none'
}

/**
 * A stream that unpacks, or `undefined` when there is nothing to unpack.
 * @throws TsbError `TSB_ARCHIVE_COMPRESSION` for zstd on a Node that lacks it
 */
export function unpacker(compression: Compression): Transform | undefined {
  if (compression === 'none') return undefined
  if (compression === 'gzip') return zlib.createGunzip()
  // Node has it from 22.15 on; the types we compile with are those of 20
  const create = (zlib as { createZstdDecompress?: () => Transform }).createZstdDecompress
  if (create === undefined) throw cannotUnpack('zstd')
  return create()
}

function cannotUnpack(name: string): TsbError {
  return new TsbError('TSB_ARCHIVE_COMPRESSION', `cannot unpack ${name} with Node ${process.versions.node}`, {
    fault: 'input',
    hint: name === 'zstd' ? 'unpack it first with `zstd -d`, or use Node 22.15 or later' : `unpack it first with \`${name} -d\``,
  })
}
