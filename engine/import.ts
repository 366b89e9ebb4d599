import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { addAbortSignal, type Readable } from 'node:stream'
import type { Digest } from '../core/digest.ts'
import { interrupted, TsbError } from '../core/error.ts'
import type { Descriptor, ImageConfig } from '../core/manifest.ts'
import { type Compression, layerType } from '../core/media-types.ts'
import { hostPlatform } from '../core/platform.ts'
import { formatReference, parseReference } from '../core/reference.ts'
import { inArchive } from '../exporter/archive-errors.ts'
import { assembleManifest, encodeConfig } from '../exporter/assemble.ts'
import { openWorkspace } from '../snapshotter/workspace.ts'
import { withinLimit } from './disk/limit.ts'
import { publishRoot } from './image-root.ts'
import type { Session } from './session.ts'

/**
 * A root file system in one tar (plain, gzip or zstd; `-` is standard input) becomes an image of one layer.
 * @throws TsbError `TSB_ARCHIVE_MISSING`, `TSB_LAYER_*`
 */
export async function importRoot(session: Session, file: string, name: string, signal: AbortSignal): Promise<Digest> {
  const reference = formatReference(parseReference(name))
  try {
    return await withinLimit(session, {}, signal, async (limited) => {
      await session.disk.room({}, limited)
      return takeRoot(session, file, reference, limited)
    })
  } catch (error) {
    throw inArchive(error, file, 'give the whole tar of a root file system: plain, or packed with gzip or zstd')
  }
}

async function takeRoot(session: Session, file: string, reference: string, signal: AbortSignal): Promise<Digest> {
  const { store, effects } = session
  await store.prepare()
  const blob = await store.blobs.write(openInput(file, signal))
  const compression = await sniffCompression(store.blobs.path(blob.digest))
  const diffId = compression === 'none' ? blob.digest : await plainDigest(session, blob.digest, compression, signal)
  const layer: Descriptor = { mediaType: layerType(compression), ...blob }
  const { os, architecture, variant } = hostPlatform()
  const created = new Date(effects.now()).toISOString()
  const config: ImageConfig = {
    architecture,
    os,
    ...(variant === undefined ? {} : { variant }),
    created,
    config: {},
    rootfs: { type: 'layers', diff_ids: [diffId] },
    history: [{ created, comment: 'imported by tsbuild' }],
  }
  const { bytes: configBytes, descriptor } = encodeConfig(config, session.native.sha256)
  const id = descriptor.digest
  const manifestBytes = assembleManifest(descriptor, [layer], 'oci').bytes
  await store.blobs.write([configBytes], id)
  await store.blobs.write([manifestBytes])
  const image = { id, configBytes, manifestBytes, created: effects.now() }
  store.images.put(image)
  await publishRoot(session, id, signal)
  store.images.put(image, [reference])
  store.writeIndex()
  return id
}

/**
 * A file of the user, or standard input, until the signal ends it, also while nothing comes.
 * @throws TsbError `TSB_ARCHIVE_MISSING` when reading begins, `TSB_INTERRUPTED`
 */
export async function* openInput(file: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const stream: Readable = file === '-' ? process.stdin : createReadStream(file, { highWaterMark: 1 << 20 })
  try {
    yield* addAbortSignal(signal, stream) as AsyncIterable<Uint8Array>
  } catch (error) {
    if (signal.aborted) throw interrupted()
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    throw new TsbError('TSB_ARCHIVE_MISSING', `cannot read \`${file}\` (${code})`, { fault: 'input', hint: 'check the path', cause: error })
  }
}

async function sniffCompression(path: string): Promise<Compression> {
  await using handle = await open(path, 'r')
  const head = Buffer.alloc(4)
  await handle.read(head, 0, 4, 0)
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip'
  return head.readUInt32LE(0) === 0xfd2fb528 ? 'zstd' : 'none'
}

/** The diffID of a packed tar, by unpacking it once: it names the layer, so it must be known before that is unpacked. */
async function plainDigest(session: Session, blob: Digest, compression: Compression, signal: AbortSignal): Promise<Digest> {
  await using scratch = await openWorkspace(session.snapshotter)
  const applied = await session.native.applyLayer({ blob: session.store.blobs.path(blob), compression, destination: scratch.upper }, signal)
  return applied.diffId
}
