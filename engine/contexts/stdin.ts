import { TsbError } from '../../core/error.ts'
import { type SourceFile, sourceFile } from '../../core/span.ts'
import { emptyTree } from '../../snapshotter/unpack.ts'
import { remoteWork } from './remote.ts'
import { beginsArchive, refuseZstd, SNIFFED_BYTES } from './sniff.ts'
import type { ContextHost, Fetching, RemoteTree } from './types.ts'

/** What came in on standard input: a context, or a Dockerfile without one. */
export type InputContext =
  | { readonly kind: 'archive'; readonly tree: () => Promise<RemoteTree> }
  | { readonly kind: 'dockerfile'; readonly dockerfile: SourceFile; readonly tree: () => Promise<RemoteTree> }

/**
 * Reads `-` as docker's client does: a tar is the context, whatever else there is is a Dockerfile that has none. The tar is
 * unpacked as it comes; this build alone has it.
 * @throws TsbError `TSB_COPY_ARCHIVE`, `TSB_CONTEXT_EMPTY`, `TSB_CONTEXT_PACKING`
 */
export async function readInputContext(host: ContextHost, fetching: Fetching): Promise<InputContext> {
  const { openInput } = await import('../import.ts')
  const { head, stream } = await peek(openInput('-', fetching.signal))
  if (head.byteLength === 0) {
    throw new TsbError('TSB_CONTEXT_EMPTY', 'nothing comes in on standard input', {
      fault: 'input',
      hint: 'give a tar or a Dockerfile: `tsbuild - < Dockerfile`',
    })
  }
  if (beginsArchive(head)) {
    const { unpackStream } = await import('../remote/unpack.ts')
    const tree = { ...(await unpackStream(await remoteWork(host, fetching), stream)), reused: false }
    return { kind: 'archive', tree: async () => tree }
  }
  refuseZstd(head, 'what comes in on standard input')
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  const empty = async (): Promise<RemoteTree> => {
    const { snapshotter } = await host.keep()
    return { snapshot: { layers: [], tree: await emptyTree(snapshotter) }, reused: true }
  }
  return { kind: 'dockerfile', dockerfile: sourceFile('Dockerfile', Buffer.concat(chunks)), tree: empty }
}

interface Peeked {
  readonly head: Uint8Array
  /** All of it, the head included. */
  readonly stream: AsyncIterable<Uint8Array>
}

async function peek(source: AsyncIterable<Uint8Array>): Promise<Peeked> {
  const chunks = source[Symbol.asyncIterator]()
  const held: Uint8Array[] = []
  for (let length = 0; length < SNIFFED_BYTES; ) {
    const next = await chunks.next()
    if (next.done === true) break
    held.push(next.value)
    length += next.value.byteLength
  }
  const stream = async function* (): AsyncGenerator<Uint8Array> {
    yield* held
    yield* { [Symbol.asyncIterator]: () => chunks }
  }
  return { head: Buffer.concat(held).subarray(0, SNIFFED_BYTES), stream: stream() }
}
