import { createHash } from 'node:crypto'
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { ImageConfig, Index, Manifest } from '../../../core/manifest.ts'
import { isIndexType } from '../../../core/media-types.ts'
import { type Archive, openArchive } from './archive.ts'
import { type Inode, RootTree } from './root-tree.ts'
import { readTar } from './tar-reader.ts'

/** An image in the form in which two can be compared: its config, and its root file system as a sorted list. */
export interface FlatImage {
  readonly config: ImageConfig
  readonly layers: number
  readonly entries: readonly [path: string, inode: Inode][]
}

/**
 * Reads a docker archive, an OCI archive (plain tars) or an OCI layout folder and lays its layers over one another.
 * @param name the tag to take when the archive holds several images; otherwise the only one, or the first.
 * @throws Error when the archive is not an image or a layer is malformed.
 */
export async function flattenImage(path: string, name?: string): Promise<FlatImage> {
  const archive = await openArchive(path)
  const { config, layers } = archive.names.has('manifest.json') ? await dockerImage(archive, name) : await ociImage(archive, name)
  const tree = new RootTree()
  for (const layer of layers) {
    tree.nextLayer()
    await readTar(plain(archive.stream(layer), path), { entry: (header) => contentSink(tree.add(header)) })
  }
  return { config, layers: layers.length, entries: tree.entries() }
}

interface Parts {
  readonly config: ImageConfig
  /** Members of the archive, bottom layer first. */
  readonly layers: readonly string[]
}

interface DockerEntry {
  readonly Config: string
  readonly RepoTags: readonly string[] | null
  readonly Layers: readonly string[]
}

async function dockerImage(archive: Archive, name: string | undefined): Promise<Parts> {
  const list: readonly DockerEntry[] = JSON.parse((await archive.read('manifest.json')).toString())
  const entry =
    name === undefined ? list[0] : list.find(({ RepoTags }) => RepoTags?.some((tag) => tag === name || tag.endsWith(`/${name}`)))
  if (entry === undefined) throw new Error('the archive does not hold the image')
  return { config: JSON.parse((await archive.read(entry.Config)).toString()), layers: entry.Layers }
}

async function ociImage(archive: Archive, name: string | undefined): Promise<Parts> {
  const json = async (member: string): Promise<unknown> => JSON.parse((await archive.read(member)).toString())
  let document = (await json('index.json')) as Index | Manifest
  while ('manifests' in document) {
    const images = document.manifests.filter(({ platform }) => platform?.os !== 'unknown')
    const chosen =
      images.find(({ annotations }) => name !== undefined && annotations?.['org.opencontainers.image.ref.name'] === name) ?? images[0]
    if (chosen === undefined) throw new Error('the layout holds no image')
    document = (await json(blob(chosen.digest))) as Index | Manifest
    if (isIndexType(chosen.mediaType) !== 'manifests' in document) throw new Error('a document is not of the type its descriptor says')
  }
  return {
    config: (await json(blob(document.config.digest))) as ImageConfig,
    layers: document.layers.map(({ digest }) => blob(digest)),
  }
}

function blob(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`
}

/** The tar inside, told by its first bytes: plain or gzip. */
async function* plain(packed: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<Uint8Array> {
  const iterator = packed[Symbol.asyncIterator]()
  const first = await iterator.next()
  if (first.done === true) return
  const whole = Readable.from(chain(first.value, iterator))
  const [a, b, c, d] = first.value
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) throw new Error(`\`${path}\` has a zstd layer: save it with gzip`)
  if (a !== 0x1f || b !== 0x8b) yield* whole
  else yield* pipeline(whole, createGunzip({ chunkSize: 1 << 20 }), () => {})
}

async function* chain(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
}

function contentSink(inode: Inode | undefined): { data(chunk: Uint8Array): void; end(): void } | undefined {
  if (inode === undefined) return undefined
  const hash = createHash('sha256')
  return {
    data: (chunk) => void hash.update(chunk),
    end: () => {
      inode.content = hash.digest('hex')
    },
  }
}
