import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { algorithmOf, type Digest, hexOf } from '../core/digest.ts'
import { TsbError } from '../core/error.ts'

const READ_SIZE = 1 << 20

/**
 * The bytes of a blob's file, verified while read: disks lie, and what leaves the store under a digest has to be it.
 * The last chunk is only given out once size and digest have come out right: nobody gets a damaged blob whole, a
 * registry would answer before we could say what is wrong. With `verified`, somebody has hashed the file already.
 * @throws TsbError `TSB_BLOB_DIGEST` at the end, or as soon as there is too much
 */
export async function* readBlob(
  path: string,
  { digest, size }: { readonly digest: Digest; readonly size: number },
  verified = false,
): AsyncGenerator<Buffer> {
  const hash = verified ? undefined : createHash(algorithmOf(digest))
  let read = 0
  let held: Buffer | undefined
  for await (const chunk of createReadStream(path, { highWaterMark: READ_SIZE }) as AsyncIterable<Buffer>) {
    read += chunk.byteLength
    if (read > size) throw damaged(digest)
    hash?.update(chunk)
    if (held !== undefined) yield held
    held = chunk
  }
  if (read !== size || (hash !== undefined && hash.digest('hex') !== hexOf(digest))) throw damaged(digest)
  if (held !== undefined) yield held
}

/** SHA-256 of a file, as hex. */
export async function hashBlob(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: READ_SIZE }) as AsyncIterable<Buffer>) hash.update(chunk)
  return hash.digest('hex')
}

/** Reads a blob's file for nothing but the verdict. @throws TsbError `TSB_BLOB_DIGEST` */
export async function verifyBlob(path: string, descriptor: { readonly digest: Digest; readonly size: number }): Promise<void> {
  const chunks = readBlob(path, descriptor)
  while ((await chunks.next()).done !== true);
}

function damaged(digest: Digest): TsbError {
  return new TsbError('TSB_BLOB_DIGEST', `blob \`${digest}\` in the store is damaged`, {
    fault: 'host',
    hint: 'repeat the command, which makes or fetches the blob again, and check the disk',
  })
}
