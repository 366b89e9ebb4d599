import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Descriptor, ImageConfig, Manifest } from '../core/manifest.ts'
import { archiveDigestError, invalidArchive, missingInArchive } from './archive-errors.ts'
import { blobName } from './layout.ts'
import { type BlobSink, peek, type StoredFile, type UnpackedArchive, writeChecked } from './unpack-archive.ts'

/** An image found in an archive; its blobs, manifest and config are in the sink. */
export interface ReadImage {
  /** Canonical references. */
  readonly names: readonly string[]
  readonly manifestDescriptor: Descriptor
  readonly manifestBytes: Uint8Array
  readonly manifest: Manifest
  readonly configBytes: Uint8Array
  readonly config: ImageConfig
}

/** What the readers of docker's and OCI's tables of contents need of an archive. */
export interface ArchiveAccess {
  readonly sink: BlobSink
  /** A document at the top, by name. */
  document(name: string): Promise<Uint8Array | undefined>
  /** A file, by clean name, links followed; in the sink from then on. */
  file(name: string): Promise<StoredFile | undefined>
}

/** Larger manifests and configs are not held in memory. */
export const METADATA_BYTES: number = 8 << 20

/** A small blob of the archive, by descriptor: checked for size, and by the sink for its digest. */
export async function readMetadata(archive: ArchiveAccess, descriptor: Descriptor): Promise<Uint8Array> {
  const name = blobName(descriptor)
  const file = await archive.file(name)
  if (file === undefined) throw missingInArchive(name)
  if (file.size !== descriptor.size) throw archiveDigestError(name, `${descriptor.size} bytes`, `${file.size} bytes`)
  if (file.size > METADATA_BYTES) throw invalidArchive(`\`${name}\` is too large for what it is`)
  return archive.sink.readBlob(file.digest)
}

/** A tar that has been read: all of its files are in the sink. */
export function accessUnpacked({ documents, files, links }: UnpackedArchive, sink: BlobSink): ArchiveAccess {
  return {
    sink,
    document: async (name) => documents.get(name),
    async file(name) {
      let target = name
      // a chain longer than there are links is a circle
      for (let hops = 0; hops <= links.size; hops += 1) {
        const file = files.get(target)
        const next = links.get(target)
        if (file !== undefined || next === undefined) return file
        target = next
      }
      return undefined
    },
  }
}

/** A layout directory: files go to the sink when they are asked for. */
export function accessDirectory(directory: string, sink: BlobSink, signal: AbortSignal): ArchiveAccess {
  const stored = new Map<string, Promise<StoredFile | undefined>>()
  const store = async (name: string): Promise<StoredFile | undefined> => {
    const path = join(directory, name)
    const found = await stat(path).catch(() => undefined)
    if (found?.isFile() !== true) return undefined
    const { head, stream } = await peek(createReadStream(path, { highWaterMark: 1 << 20, signal }))
    const [, algorithm, hex] = name.split('/')
    return { ...(await writeChecked(name, algorithm === 'sha256' ? `sha256:${hex}` : undefined, stream, sink)), head }
  }
  return {
    sink,
    async document(name) {
      const path = join(directory, name)
      const found = await stat(path).catch(() => undefined)
      if (found?.isFile() !== true) return undefined
      if (found.size > METADATA_BYTES) throw invalidArchive(`\`${name}\` is too large`)
      return readFile(path)
    },
    file(name) {
      const pending = stored.get(name) ?? store(name)
      stored.set(name, pending)
      return pending
    },
  }
}
