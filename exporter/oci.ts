import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TsbError } from '../core/error.ts'
import type { Descriptor } from '../core/manifest.ts'
import type { OutputFile } from '../native/types.ts'
import { parseDocument } from '../registry/documents.ts'
import { type ArchiveWriter, writeFiles, writeTar } from './archive-entries.ts'
import { blobEntries, LAYOUT_FILE, layoutIndex, NAME_ANNOTATION, TAG_ANNOTATION } from './layout.ts'
import type { NamedImage } from './types.ts'

/**
 * Writes images as an OCI image layout in one tar (`--output type=oci`). Same images, same bytes.
 * @throws TsbError `TSB_EXPORT_WRITE`, `TSB_BLOB_DIGEST`, `TSB_INTERRUPTED`
 */
export async function writeOciArchive(
  writer: ArchiveWriter,
  images: readonly NamedImage[],
  output: OutputFile,
  signal: AbortSignal,
): Promise<void> {
  await writeTar(writer, [...blobEntries(images), layoutIndex(images), LAYOUT_FILE], output, signal)
}

/**
 * Writes images into an OCI image layout directory (`--output type=oci,tar=false`). What another image has there
 * stays; one of the same name is replaced. The index comes last, so a reader never finds a blob missing.
 * @throws TsbError `TSB_EXPORT_WRITE`, `TSB_ARCHIVE_INVALID` when an index is there that is not one, `TSB_INTERRUPTED`
 */
export async function writeOciDirectory(images: readonly NamedImage[], directory: string, signal: AbortSignal): Promise<void> {
  const fresh = new Set(images.flatMap(({ content, names }) => [content.manifestDescriptor.digest as string, ...names]))
  const kept = (await presentManifests(directory)).filter(
    (one) => !fresh.has(one.digest) && !fresh.has(one.annotations?.[NAME_ANNOTATION] ?? one.annotations?.[TAG_ANNOTATION] ?? ''),
  )
  await writeFiles([...blobEntries(images), LAYOUT_FILE, layoutIndex(images, kept)], directory, signal)
}

async function presentManifests(directory: string): Promise<readonly Descriptor[]> {
  const file = join(directory, 'index.json')
  let bytes: Uint8Array
  try {
    bytes = await readFile(file)
  } catch {
    return []
  }
  const invalid = (why: string): TsbError =>
    new TsbError('TSB_ARCHIVE_INVALID', `\`${file}\` is not the index of an OCI layout: ${why}`, {
      fault: 'input',
      hint: 'choose another directory',
    })
  const document = parseDocument(bytes, undefined, invalid)
  if (document.kind !== 'index') throw invalid('it lists no manifests')
  return document.index.manifests
}
