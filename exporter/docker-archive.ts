import { familiarName, parseReference } from '../core/reference.ts'
import type { OutputFile } from '../native/types.ts'
import { type ArchiveWriter, writeTar } from './archive-entries.ts'
import { goJson } from './go-json.ts'
import { blobEntries, blobName, LAYOUT_FILE, layoutIndex } from './layout.ts'
import type { NamedImage } from './types.ts'

/**
 * Writes images as `docker save` does since version 25: an OCI image layout with docker's own `manifest.json` beside
 * the index, so that readers of either find their way. Same images, same bytes.
 * @throws TsbError `TSB_EXPORT_WRITE`, `TSB_BLOB_DIGEST`, `TSB_INTERRUPTED`
 */
export async function writeDockerArchive(
  writer: ArchiveWriter,
  images: readonly NamedImage[],
  output: OutputFile,
  signal: AbortSignal,
): Promise<void> {
  const manifest = images.map(({ content, names }) => ({
    Config: blobName(content.configDescriptor),
    RepoTags: names.length === 0 ? null : names.map((name) => familiarName(parseReference(name))),
    Layers: content.layers.map(({ descriptor }) => blobName(descriptor)),
  }))
  const manifestFile = { name: 'manifest.json', content: Buffer.from(goJson(manifest)) }
  await writeTar(writer, [...blobEntries(images), layoutIndex(images), manifestFile, LAYOUT_FILE], output, signal)
}
