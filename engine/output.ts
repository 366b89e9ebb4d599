import type { Manifest } from '../core/manifest.ts'
import { formatReference, parseReference, type Reference } from '../core/reference.ts'
import { writeDockerArchive } from '../exporter/docker-archive.ts'
import { writeOciArchive, writeOciDirectory } from '../exporter/oci.ts'
import { makeParent, withOutputFile } from '../exporter/output-file.ts'
import { exportRootDirectory, exportRootTar } from '../exporter/root.ts'
import type { LayerOptions, NamedImage, OutputSpec } from '../exporter/types.ts'
import type { PushSource } from '../registry/types.ts'
import { layerPaths, type Snapshot } from '../snapshotter/snapshot.ts'
import { type BuiltImage, storeImage } from './assemble.ts'
import type { Building } from './building.ts'
import { builtContent, sendContents } from './image-content.ts'
import { writeTo } from './save.ts'
import type { Session } from './session.ts'
import type { BuildOptions } from './types.ts'

type ImageOutput = Extract<OutputSpec, { type: 'image' }>

/** What a build made: a root, and the image around it if one was asked for. */
export interface FinishedBuild {
  readonly snapshot: Snapshot
  readonly image?: BuiltImage
}

/** Sends a build's result where `--output` says. @throws TsbError `TSB_EXPORT_*`, `TSB_REGISTRY_*` */
export async function exportResult(building: Building, output: OutputSpec, { snapshot, image }: FinishedBuild): Promise<void> {
  const { session, runTask, signal } = building
  switch (output.type) {
    case 'image':
      storeImage(session, required(image), output.names)
      if (output.push) return pushImage(building, required(image), output)
      if (output.layers !== undefined) await keepPacked(building, required(image), output.layers)
      return
    case 'oci':
    case 'docker':
      return exportArchive(building, output, required(image))
    case 'tar':
      return runTask('exporting root as tar', () => exportTar(session, snapshot, output.dest, signal))
    case 'local':
      return runTask('exporting root to a directory', () =>
        exportRootDirectory(session.native, { layers: layerPaths(session.store, snapshot) }, output.dest, signal),
      )
  }
}

async function exportArchive(
  building: Building,
  output: Extract<OutputSpec, { type: 'oci' | 'docker' }>,
  image: BuiltImage,
): Promise<void> {
  const { session, options, runTask, signal } = building
  const names = namesOf(output, options).map(formatReference)
  if (output.dest === undefined) {
    storeImage(session, image, names)
    if (output.layers !== undefined) await keepPacked(building, image, output.layers)
    return
  }
  const destination = output.dest
  await runTask(`exporting to ${output.type} image format`, async () => {
    const content = await builtContent(session, image.id, { layers: output.layers, keep: false }, signal)
    const images: readonly NamedImage[] = [{ content, names }]
    if (!output.tar) return sendContents(session, [content], () => writeOciDirectory(images, destination, signal))
    const write = output.type === 'oci' ? writeOciArchive : writeDockerArchive
    if (destination !== '-') await makeParent(destination)
    await sendContents(session, [content], () => writeTo(destination, (file) => write(session.native, images, file, signal)))
  })
}

/** Whoever says how an image's layers are packed wants them so in the store, too. */
async function keepPacked({ session, runTask, signal }: Building, { id }: BuiltImage, layers: LayerOptions): Promise<void> {
  await runTask('exporting layers', () => builtContent(session, id, { layers, keep: true }, signal))
}

async function pushImage({ session, options, runTask, signal }: Building, image: BuiltImage, output: ImageOutput): Promise<void> {
  const { layers } = output
  const content = await builtContent(session, image.id, { layers, keep: layers !== undefined }, signal)
  const { manifestBytes } = content
  const manifest = JSON.parse(Buffer.from(manifestBytes).toString('utf8')) as Manifest
  const registry = await session.registry()
  for (const name of namesOf(output, options)) {
    const source: PushSource = { manifestBytes, manifest, open: (descriptor) => session.store.blobs.open(descriptor) }
    await runTask(`pushing ${formatReference(name)}`, () => sendContents(session, [content], () => registry.push(name, source, signal)))
  }
}

/** The names a result goes by: the output's own, else the build's tags. */
function namesOf(output: { readonly names: readonly string[] }, options: BuildOptions): readonly Reference[] {
  return (output.names.length > 0 ? output.names : options.tags).map(parseReference)
}

async function exportTar(session: Session, snapshot: Snapshot, destination: string, signal: AbortSignal): Promise<void> {
  const root = { layers: layerPaths(session.store, snapshot) }
  if (destination === '-') return exportRootTar(session.native, root, { fd: 1 }, signal)
  await makeParent(destination)
  await withOutputFile(destination, ({ fd }) => exportRootTar(session.native, root, { fd }, signal))
}

function required(image: BuiltImage | undefined): BuiltImage {
  if (image === undefined) throw new Error('this output needs an image')
  return image
}
