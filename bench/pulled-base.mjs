import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createWriteStream, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { fillMixed } from './content.mjs'
import { run } from './gauge.mjs'
import { startRegistry } from './registry.mjs'

const LAYERS = 4
const LAYER = { files: 1500, bytes: 250_000_000 }
const REPOSITORY = 'tsbuild-bench/large'
const OCI = 'application/vnd.oci.image'

/**
 * Serves an image of about 1 GB from a registry on this machine until `close`.
 * Its blobs are what registries hold: one gzip stream a layer, at zlib's default level.
 * @param {string} rootTar the files that RUN needs, which go into the first layer
 */
export async function servePulledBase(place, rootTar) {
  const tree = join(place, 'layers')
  const layers = Array.from({ length: LAYERS }, (_, index) => makeLayer(join(tree, String(index)), index, rootTar))
  const registry = await startRegistry(join(place, 'registry'))
  const close = async () => {
    await registry.close()
    rmSync(place, { recursive: true, force: true })
  }
  try {
    const blobs = layers.map((layer) => `${layer}.tar.gz`.replace(tree, place))
    const diffIds = await Promise.all(layers.map((layer, index) => packLayer(layer, blobs[index])))
    const size = await pushImage(registry, blobs, diffIds)
    return { reference: `${registry.host}/${REPOSITORY}`, tree, layers, blobs, size, registry, close }
  } catch (error) {
    await close()
    throw error
  }
}

function makeLayer(folder, index, rootTar) {
  mkdirSync(folder, { recursive: true })
  if (index === 0) run(['tar', '-xf', rootTar, '-C', folder])
  fillMixed(join(folder, `files-${index}`), LAYER, `layer ${index}`)
  return folder
}

/** @returns the diffID */
async function packLayer(folder, blob) {
  const tar = spawn('tar', ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '-cf', '-', '-C', folder, '.'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const hash = createHash('sha256')
  tar.stdout.on('data', (bytes) => hash.update(bytes))
  const ended = new Promise((resolve, reject) => tar.once('error', reject).once('close', resolve))
  await pipeline(tar.stdout, createGzip(), createWriteStream(blob))
  if ((await ended) !== 0) throw new Error(`tar of ${folder} failed`)
  return `sha256:${hash.digest('hex')}`
}

/** @returns the bytes of its layers */
async function pushImage(registry, blobs, diffIds) {
  const layers = []
  for (const blob of blobs) {
    layers.push({ mediaType: `${OCI}.layer.v1.tar+gzip`, ...(await registry.push(REPOSITORY, readFileSync(blob))) })
  }
  const config = {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: { Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'] },
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: diffIds.map(() => ({ created_by: 'tsbuild-bench' })),
  }
  const type = `${OCI}.manifest.v1+json`
  const manifest = {
    schemaVersion: 2,
    mediaType: type,
    config: { mediaType: `${OCI}.config.v1+json`, ...(await registry.push(REPOSITORY, Buffer.from(JSON.stringify(config)))) },
    layers,
  }
  await registry.put(`http://${registry.host}/v2/${REPOSITORY}/manifests/latest`, type, JSON.stringify(manifest))
  return layers.reduce((sum, { size }) => sum + size, 0)
}
