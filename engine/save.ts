import { formatReference, parseReference } from '../core/reference.ts'
import { writeDockerArchive } from '../exporter/docker-archive.ts'
import { writeOciArchive } from '../exporter/oci.ts'
import { withOutputFile } from '../exporter/output-file.ts'
import type { NamedImage } from '../exporter/types.ts'
import type { OutputFile } from '../native/types.ts'
import { imageContent, sendContents } from './image-content.ts'
import { findImage } from './resolve.ts'
import type { Session } from './session.ts'

/** Writes images with all their layers into one archive. @throws TsbError `TSB_IMAGE_UNKNOWN`, `TSB_BLOB_DIGEST`, `TSB_REGISTRY_*` */
export async function save(
  session: Session,
  names: readonly string[],
  file: string,
  format: 'docker' | 'oci',
  signal: AbortSignal,
): Promise<void> {
  const images: NamedImage[] = []
  for (const name of names) {
    const image = findImage(session, name)
    const isId = /^(sha256:)?[0-9a-f]{12,64}$/.test(name)
    images.push({ content: await imageContent(session, image.id, signal), names: isId ? [] : [formatReference(parseReference(name))] })
  }
  const write = format === 'oci' ? writeOciArchive : writeDockerArchive
  const contents = images.map(({ content }) => content)
  await sendContents(session, contents, () => writeTo(file, (output) => write(session.native, images, output, signal)))
}

/** Hands a file of the user, or standard output (`-`), to whoever writes. */
export async function writeTo(file: string, write: (output: OutputFile) => Promise<void>): Promise<void> {
  if (file === '-') return write({ fd: STANDARD_OUTPUT })
  await withOutputFile(file, ({ fd }) => write({ fd }))
}

const STANDARD_OUTPUT = 1
