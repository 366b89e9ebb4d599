import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Index, Manifest } from '../../core/manifest.ts'
import { MEDIA_TYPES } from '../../core/media-types.ts'
import { validateLayout } from '../../exporter/validate.ts'
import { findPeer } from '../support/peers.ts'
import { mustRun } from '../support/process.ts'
import { registryMissing, startRegistry } from '../support/registry.ts'
import { openProject, type Project } from './project.ts'

const skip = registryMissing()

let project: Project
/** Has one gzip layer of its own, from a registry. */
let base: string
let registry: Awaited<ReturnType<typeof startRegistry>>

before(async () => {
  if (skip !== false) return
  registry = await startRegistry()
  base = `${registry.host}/base:1`
  project = await openProject({ Dockerfile: 'FROM scratch\nCOPY base /\n', base: 'from the base\n'.repeat(500) })
  await project.tsbuild.must(['build', '-q', '-t', base, '--push', project.directory])
  await project[Symbol.asyncDispose]()
  project = await openProject({ Dockerfile: `FROM ${base}\nCOPY own /\n`, own: 'of our own\n'.repeat(500) })
})
after(async () => {
  if (skip !== false) return
  rmSync(`${project.directory}-layouts`, { recursive: true, force: true })
  await project[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
})

/** Builds into an OCI archive, and unpacks that. */
async function layout(options: string): Promise<{ readonly path: string; readonly manifest: Manifest; readonly archive: Buffer }> {
  const path = join(`${project.directory}-layouts`, options.replaceAll(/\W/g, '_') || 'plain')
  await mkdir(path, { recursive: true })
  const archive = `${path}.tar`
  const output = `type=oci,dest=${archive}${options === '' ? '' : `,${options}`}`
  await project.tsbuild.must(['build', '-q', '-t', 'app', '-o', output, project.directory])
  await mustRun('tar', ['-xf', archive, '-C', path])
  const index = JSON.parse(readFileSync(join(path, 'index.json'), 'utf8')) as Index
  const manifest = JSON.parse(readFileSync(blob(path, index.manifests[0]?.digest ?? ''), 'utf8')) as Manifest
  return { path, manifest, archive: readFileSync(archive) }
}

function blob(path: string, digest: string): string {
  return join(path, 'blobs/sha256', digest.slice('sha256:'.length))
}

const types = ({ layers }: Manifest): readonly string[] => layers.map(({ mediaType }) => mediaType)
const digests = ({ layers }: Manifest): readonly string[] => layers.map(({ digest }) => digest)

test('layers of the base keep their blobs, ours are packed as asked, and the config stays the same', { skip }, async () => {
  const [plain, zstd, none] = [await layout(''), await layout('compression=zstd'), await layout('compression=uncompressed')]
  assert.deepEqual(types(plain.manifest), [MEDIA_TYPES.ociLayerGzip, MEDIA_TYPES.ociLayerGzip])
  assert.deepEqual(types(zstd.manifest), [MEDIA_TYPES.ociLayerGzip, MEDIA_TYPES.ociLayerZstd])
  assert.deepEqual(types(none.manifest), [MEDIA_TYPES.ociLayerGzip, MEDIA_TYPES.ociLayer])
  for (const { manifest, path } of [plain, zstd, none]) {
    assert.equal(manifest.layers[0]?.digest, plain.manifest.layers[0]?.digest)
    assert.deepEqual(manifest.config, plain.manifest.config)
    if (path !== zstd.path) assert.deepEqual(await validateLayout(path), [])
  }
  assert.ok((await layout('')).archive.equals(plain.archive))
})

test('force-compression packs the layers of the base anew, with the same tars in them', { skip }, async () => {
  const [plain, none] = [await layout(''), await layout('compression=uncompressed,force-compression=true')]
  assert.deepEqual(types(none.manifest), [MEDIA_TYPES.ociLayer, MEDIA_TYPES.ociLayer])
  const { rootfs } = JSON.parse(readFileSync(blob(plain.path, plain.manifest.config.digest), 'utf8')) as { rootfs: { diff_ids: string[] } }
  assert.deepEqual(digests(none.manifest), rootfs.diff_ids)
  const zstd = await layout('compression=zstd,force-compression=true,compression-level=19')
  assert.deepEqual(types(zstd.manifest), [MEDIA_TYPES.ociLayerZstd, MEDIA_TYPES.ociLayerZstd])
  assert.deepEqual(digests((await layout('force-compression=true')).manifest), digests(plain.manifest))
  const best = await layout('force-compression=true,compression-level=9')
  assert.ok(digests(best.manifest).every((digest) => !digests(plain.manifest).includes(digest)))
})

test('a blob of the base that is damaged in the store is fetched again to be packed anew', { skip }, async () => {
  const [gzip] = digests((await layout('')).manifest)
  const stored = blob(join(project.tsbuild.root, 'oci'), gzip ?? '')
  const bytes = readFileSync(stored)
  bytes.writeUInt8(bytes.readUInt8(30) ^ 0xff, 30)
  writeFileSync(stored, bytes)
  const { manifest } = await layout('compression=zstd,force-compression=true,compression-level=7')
  assert.deepEqual(types(manifest), [MEDIA_TYPES.ociLayerZstd, MEDIA_TYPES.ociLayerZstd])
  assert.equal(digests((await layout('')).manifest)[0], gzip)
})

test('oci-mediatypes=false speaks of docker in every place', { skip }, async () => {
  const { manifest, path } = await layout('oci-mediatypes=false,compression=uncompressed')
  assert.equal(manifest.mediaType, MEDIA_TYPES.dockerManifest)
  assert.equal(manifest.config.mediaType, MEDIA_TYPES.dockerConfig)
  assert.deepEqual(types(manifest), [MEDIA_TYPES.dockerLayerGzip, MEDIA_TYPES.dockerLayer])
  assert.deepEqual(await validateLayout(path), [])
})

test('a layer is packed once for each compression and level', { skip }, async () => {
  const store = join(project.tsbuild.root, 'oci/blobs/sha256')
  const stamps = (): readonly string[] => readdirSync(store).map((name) => `${name} ${statSync(join(store, name)).ino}`)
  const wanted = ['compression=gzip,compression-level=1', 'compression=gzip,compression-level=8', 'compression=zstd']
  const first: string[] = []
  for (const options of wanted) first.push(digests((await layout(options)).manifest)[1] ?? '')
  assert.equal(new Set(first).size, wanted.length)
  const before = stamps()
  for (const [index, options] of wanted.entries()) assert.equal(digests((await layout(options)).manifest)[1], first[index])
  assert.deepEqual(stamps(), before)
})

test('an image that is built as zstd is saved as zstd; another export does not change what is saved', { skip }, async () => {
  const { tsbuild, directory } = project
  await tsbuild.must(['build', '-q', '-o', 'type=image,name=packed,compression=zstd', directory])
  await layout('compression=uncompressed')
  const path = join(`${directory}-layouts`, 'saved')
  await mkdir(path, { recursive: true })
  await tsbuild.must(['save', '--format', 'oci', '-o', `${path}.tar`, 'packed'])
  await mustRun('tar', ['-xf', `${path}.tar`, '-C', path])
  const index = JSON.parse(readFileSync(join(path, 'index.json'), 'utf8')) as Index
  const manifest = JSON.parse(readFileSync(blob(path, index.manifests[0]?.digest ?? ''), 'utf8')) as Manifest
  assert.deepEqual(types(manifest), [MEDIA_TYPES.ociLayerGzip, MEDIA_TYPES.ociLayerZstd])
})

test('a build that changes nothing leaves the base its manifest, however its result is packed', { skip }, async () => {
  const { tsbuild, directory } = project
  const unchanged = join(`${directory}-layouts`, 'unchanged')
  await mkdir(unchanged, { recursive: true })
  writeFileSync(join(unchanged, 'Dockerfile'), `FROM ${base}\n`)
  const exported = async (): Promise<string> => {
    await tsbuild.must(['build', '-q', '-o', `type=oci,dest=${unchanged}.tar`, unchanged])
    return readFileSync(`${unchanged}.tar`, 'latin1')
  }
  const before = await exported()
  await tsbuild.must(['build', '-q', '-o', 'type=image,name=again,compression=zstd,force-compression=true', unchanged])
  assert.equal(await exported(), before)
})

test('a push sends what was asked for', { skip }, async () => {
  const name = `${registry.host}/pushed:1`
  const output = `type=registry,name=${name},compression=uncompressed,force-compression=true,oci-mediatypes=false`
  await project.tsbuild.must(['build', '-q', '-o', output, project.directory])
  const answer = await fetch(`http://${registry.host}/v2/pushed/manifests/1`, { headers: { accept: MEDIA_TYPES.dockerManifest } })
  assert.deepEqual(types((await answer.json()) as Manifest), [MEDIA_TYPES.dockerLayer, MEDIA_TYPES.dockerLayer])
})

const skopeo = await findPeer('skopeo')

for (const options of ['', 'compression=zstd,force-compression=true', 'oci-mediatypes=false', 'compression=gzip,compression-level=0']) {
  test(`skopeo reads what \`${options}\` makes`, { skip: skip || (typeof skopeo === 'string' && skopeo) }, async () => {
    assert.ok(typeof skopeo !== 'string')
    const { path } = await layout(options)
    const target = `${path}-copied`
    const { code, stderr } = await skopeo.run([
      'copy',
      '--dest-decompress',
      `oci-archive:${skopeo.path(path)}.tar`,
      `dir:${skopeo.path(target)}`,
    ])
    assert.equal(code, 0, stderr)
    const { layers } = JSON.parse(readFileSync(join(target, 'manifest.json'), 'utf8')) as Manifest
    const { config } = (await layout('')).manifest
    assert.ok(readFileSync(join(target, config.digest.slice(7)), 'utf8').includes(layers.at(-1)?.digest ?? 'nothing'))
  })
}
