import type { Platform } from '../core/platform.ts'
import { type ArchiveAccess, accessDirectory, accessUnpacked, type ReadImage } from './archive-access.ts'
import { invalidArchive, readError } from './archive-errors.ts'
import { readDockerManifest } from './read-docker.ts'
import { type LayoutChoice, readLayoutIndex, readLayoutTarget } from './read-layout.ts'
import { type BlobSink, unpackArchive } from './unpack-archive.ts'

/**
 * Takes the images out of what `docker save`, `podman save`, `skopeo copy` or `tsbuild save` wrote: a docker archive,
 * old or new, or an OCI layout, as a tar packed or not. All of its blobs go to the sink, verified.
 * An index leads to the image for `platform`.
 * @throws TsbError `TSB_ARCHIVE_*`, `TSB_INTERRUPTED`, and whatever the sink throws
 */
export async function readArchive(
  source: AsyncIterable<Uint8Array>,
  sink: BlobSink,
  platform: Platform,
  signal: AbortSignal,
): Promise<readonly ReadImage[]> {
  const unpacked = await unpackArchive(source, sink, signal)
  return readImages(accessUnpacked(unpacked, sink), platform)
}

/**
 * The same for an OCI layout directory (image-layout.md); only what its images need is read.
 * @throws TsbError as `readArchive`
 */
export async function readLayoutDirectory(
  directory: string,
  sink: BlobSink,
  platform: Platform,
  signal: AbortSignal,
): Promise<readonly ReadImage[]> {
  try {
    return await readImages(accessDirectory(directory, sink, signal), platform)
  } catch (error) {
    throw readError(error, signal)
  }
}

/**
 * One image of an OCI layout directory; only what it needs is read.
 * @throws TsbError as `readArchive`, and `TSB_ARCHIVE_INVALID` when the choice leads to none
 */
export async function readLayoutImage(
  directory: string,
  choice: LayoutChoice,
  sink: BlobSink,
  platform: Platform,
  signal: AbortSignal,
): Promise<ReadImage> {
  try {
    return await readLayoutTarget(accessDirectory(directory, sink, signal), choice, platform)
  } catch (error) {
    throw readError(error, signal)
  }
}

async function readImages(archive: ArchiveAccess, platform: Platform): Promise<readonly ReadImage[]> {
  if ((await archive.document('index.json')) !== undefined && (await archive.document('oci-layout')) !== undefined) {
    return readLayoutIndex(archive, platform)
  }
  if ((await archive.document('manifest.json')) !== undefined) return readDockerManifest(archive)
  throw invalidArchive('it has neither `index.json` with `oci-layout` nor `manifest.json`')
}
