import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { TsbError } from '../core/error.ts'
import { formatReference, parseReference } from '../core/reference.ts'
import { writeDockerArchive } from '../exporter/docker-archive.ts'
import { writeOciArchive, writeOciDirectory } from '../exporter/oci.ts'
import { withOutputFile } from '../exporter/output-file.ts'
import { exportRootDirectory, exportRootTar } from '../exporter/root.ts'
import type { NamedImage, OutputSpec } from '../exporter/types.ts'
import { layerPaths, type Snapshot } from '../snapshotter/snapshot.ts'
import type { BuiltImage } from './assemble.ts'
import { storeImage } from './assemble.ts'
import { imageContent } from './image-content.ts'
import { writeTo } from './save.ts'
import type { Session } from './session.ts'
import type { RunTask } from './tasks.ts'
import type { BuildOptions } from './types.ts'

/** Sends a build's result where `--output` says. */
export async function exportResult(
  session: Session,
  output: OutputSpec,
  snapshot: Snapshot,
  image: BuiltImage | undefined,
  options: BuildOptions,
  runTask: RunTask,
  signal: AbortSignal,
): Promise<void> {
  switch (output.type) {
    case 'image':
      if (output.push) {
        throw new TsbError('TSB_OUTPUT_UNSUPPORTED', 'pushing is not available yet', { fault: 'usage', hint: 'export with `--output type=oci` and push that' })
      }
      if (image !== undefined) storeImage(session, image, output.names)
      return
    case 'oci':
    case 'docker':
      return exportArchive(session, output, required(image), options, runTask, signal)
    case 'tar':
      return runTask('exporting root as tar', () => exportTar(session, snapshot, output.dest, signal))
    case 'local':
      return runTask('exporting root to a directory', () =>
        exportRootDirectory(session.native, { layers: layerPaths(session.store, snapshot) }, output.dest, signal),
      )
  }
}

async function exportArchive(
  session: Session,
  output: Extract<OutputSpec, { type: 'oci' | 'docker' }>,
  image: BuiltImage,
  options: BuildOptions,
  runTask: RunTask,
  signal: AbortSignal,
): Promise<void> {
  const names = (output.names.length > 0 ? output.names : options.tags).map((name) => formatReference(parseReference(name)))
  await runTask(`exporting to ${output.type} image format`, async () => {
    const images: readonly NamedImage[] = [{ content: await imageContent(session, image.id, signal), names }]
    const destination = output.dest
    if (destination === undefined) return
    if (!output.tar) return writeOciDirectory(images, destination, signal)
    const write = output.type === 'oci' ? writeOciArchive : writeDockerArchive
    if (destination !== '-') await mkdir(dirname(destination), { recursive: true })
    await writeTo(destination, (sink) => write(images, sink, signal))
  })
}

async function exportTar(session: Session, snapshot: Snapshot, destination: string, signal: AbortSignal): Promise<void> {
  const root = { layers: layerPaths(session.store, snapshot) }
  if (destination === '-') return exportRootTar(session.native, root, { fd: 1 }, signal)
  await mkdir(dirname(destination), { recursive: true })
  await withOutputFile(destination, ({ fd }) => exportRootTar(session.native, root, { fd }, signal))
}

function required(image: BuiltImage | undefined): BuiltImage {
  if (image === undefined) throw new Error('this output needs an image')
  return image
}
