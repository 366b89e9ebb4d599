import { isDeepStrictEqual } from 'node:util'
import type { Manifest } from '../../core/manifest.ts'
import { formatReference, parseReference, type Reference } from '../../core/reference.ts'
import { writeDockerArchive } from '../../exporter/docker-archive.ts'
import { writeOciArchive, writeOciDirectory } from '../../exporter/oci.ts'
import { makeParent, withOutputFile } from '../../exporter/output-file.ts'
import { type ExportedRoot, exportRootDirectory, exportRootTar } from '../../exporter/root.ts'
import type { ImageContent, LayerOptions, NamedImage, OutputSpec } from '../../exporter/types.ts'
import type { PushSource } from '../../registry/types.ts'
import { layerPaths } from '../../snapshotter/snapshot.ts'
import { assembleImage, type BuiltImage, type BuiltRoot, isSnapshot, storeImage } from '../assemble.ts'
import type { Building } from '../building.ts'
import { builtContent, imageContent, sendContents } from '../image-content.ts'
import { writeTo } from '../save.ts'
import type { Session } from '../session.ts'
import type { BuildOptions } from '../types.ts'
import { type ImageOutput, imageTimes, mainOutput } from './times.ts'

type StoreOutput = Extract<OutputSpec, { type: 'image' }>

/** What a build made: a root, and the image around it if one was asked for. */
export interface FinishedBuild {
  readonly built: BuiltRoot
  /** The one of the main output. */
  readonly image?: BuiltImage
}

/** Sends a build's result where `--output` says. @throws TsbError `TSB_EXPORT_*`, `TSB_REGISTRY_*` */
export async function exportResult(building: Building, output: OutputSpec, finished: FinishedBuild): Promise<void> {
  const { session, runTask, signal } = building
  switch (output.type) {
    case 'image': {
      const image = await imageFor(building, output, finished)
      storeImage(session, image, output.names)
      if (output.push) return pushImage(building, image, output)
      if (output.layers !== undefined) await keepPacked(building, image, output.layers)
      return
    }
    case 'oci':
    case 'docker':
      return exportArchive(building, output, await imageFor(building, output, finished))
    case 'tar':
      return runTask('exporting root as tar', () => exportTar(session, exportedRoot(session, output, finished), output.dest, signal))
    case 'local':
      return runTask('exporting root to a directory', () =>
        exportRootDirectory(session.native, exportedRoot(session, output, finished), output.dest, signal),
      )
  }
}

/** The build's image, or another one where this output wants other times than the main one. */
async function imageFor(building: Building, output: ImageOutput, { built, image }: FinishedBuild): Promise<BuiltImage> {
  const main = mainOutput(building.options.outputs)
  if (image === undefined || main === undefined) throw new Error('this output needs an image')
  const times = imageTimes(built.plan.image, output)
  const isMain = output === main || (times.rewrite === undefined && isDeepStrictEqual(times, imageTimes(built.plan.image, main)))
  if (isMain) return image
  const own = await assembleImage(building, built, output)
  storeImage(building.session, own, output.names)
  return own
}

/** What an output of plain files consists of: with an epoch they all have its time. */
function exportedRoot({ store }: Session, output: OutputSpec, { built }: FinishedBuild): ExportedRoot {
  if (!isSnapshot(built.root)) throw new Error('the files of the base were not asked for')
  const { latest } = imageTimes(built.plan.image, output)
  return { layers: layerPaths(store, built.root), ...(latest === undefined ? {} : { time: latest }) }
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
    const content = await contentOf(building, image, output.layers, false)
    const images: readonly NamedImage[] = [{ content, names }]
    if (!output.tar) return sendContents(session, [content], () => writeOciDirectory(images, destination, signal))
    const write = output.type === 'oci' ? writeOciArchive : writeDockerArchive
    if (destination !== '-') await makeParent(destination)
    await sendContents(session, [content], () => writeTo(destination, (file) => write(session.native, images, file, signal)))
  })
}

/** Whoever says how an image's layers are packed wants them so in the store, too. */
async function keepPacked(building: Building, image: BuiltImage, layers: LayerOptions): Promise<void> {
  await building.runTask('exporting layers', () => contentOf(building, image, layers, true))
}

/** An image whose layers are blobs already was made for its output. */
function contentOf(
  { session, signal }: Building,
  { id, content }: BuiltImage,
  layers: LayerOptions | undefined,
  keep: boolean,
): Promise<ImageContent> {
  if (content.kind === 'blobs') return imageContent(session, id, signal)
  return builtContent(session, id, { layers, keep }, signal)
}

async function pushImage(building: Building, image: BuiltImage, output: StoreOutput): Promise<void> {
  const { session, options, runTask, signal } = building
  const { layers } = output
  const content = await contentOf(building, image, layers, layers !== undefined)
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

async function exportTar(session: Session, root: ExportedRoot, destination: string, signal: AbortSignal): Promise<void> {
  if (destination === '-') return exportRootTar(session.native, root, { fd: 1 }, signal)
  await makeParent(destination)
  await withOutputFile(destination, ({ fd }) => exportRootTar(session.native, root, { fd }, signal))
}
