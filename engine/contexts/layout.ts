import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Digest, isDigest } from '../../core/digest.ts'
import { TsbError } from '../../core/error.ts'
import type { ResolvedImage } from '../../core/image-plan.ts'
import type { Platform } from '../../core/platform.ts'
import { inArchive } from '../../exporter/archive-errors.ts'
import { readLayoutImage } from '../../exporter/read-archive.ts'
import type { Session } from '../session.ts'
import { LAYOUT_SCHEME } from './value.ts'

/**
 * An image of an OCI layout directory (image-layout.md): by digest, else by tag (`latest` when none is given), else the only
 * one there is. Its blobs are in the store afterwards; it gets no name.
 * @throws TsbError `TSB_CONTEXT_MISSING`, `TSB_CONTEXT_LAYOUT`, `TSB_ARCHIVE_*`
 */
export async function resolveLayoutImage(
  session: Session,
  reference: string,
  platform: Platform,
  signal: AbortSignal,
): Promise<ResolvedImage> {
  const { directory, tag, digest } = readLayoutReference(reference)
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new TsbError('TSB_CONTEXT_MISSING', `there is no OCI layout at \`${directory}\``, {
      fault: 'input',
      hint: 'name the directory that holds `index.json`',
    })
  }
  const { store, effects } = session
  await store.prepare()
  const sink = {
    writeBlob: (expected: Digest | undefined, stream: AsyncIterable<Uint8Array>) => store.blobs.write(stream, expected),
    readBlob: (blob: Digest) => store.blobs.read(blob),
  }
  const wanted = digest === undefined ? { tag } : { digest }
  const image = await readLayoutImage(directory, wanted, sink, platform, signal).catch((error: unknown) => {
    throw inArchive(error, directory, 'make the layout again')
  })
  const id = image.manifest.config.digest
  store.images.put({ id, configBytes: image.configBytes, manifestBytes: image.manifestBytes, created: effects.now() })
  return { reference, image: id, config: image.config }
}

interface LayoutReference {
  /** Absolute. */
  readonly directory: string
  readonly tag: string
  readonly digest?: Digest
}

/** `oci-layout://PATH[:tag][@digest]`, as buildx cuts it: at the first `@`, then at the last colon. */
function readLayoutReference(reference: string): LayoutReference {
  const [location = '', digest] = reference.slice(LAYOUT_SCHEME.length).split(/@(.*)/s)
  const [, path = location, tag = 'latest'] = /^(.*):([^/:]*)$/s.exec(location) ?? []
  if (path === '' || (digest !== undefined && !isDigest(digest))) {
    throw new TsbError('TSB_CONTEXT_LAYOUT', `\`${reference}\` names no image of an OCI layout`, {
      fault: 'usage',
      hint: 'write `oci-layout://DIRECTORY[:TAG][@sha256:…]`',
    })
  }
  return { directory: resolve(path), tag, ...(digest === undefined ? {} : { digest }) }
}
