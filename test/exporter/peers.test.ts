import assert from 'node:assert/strict'
import { createReadStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { writeDockerArchive } from '../../exporter/docker-archive.ts'
import { writeOciArchive, writeOciDirectory } from '../../exporter/oci.ts'
import { readArchive } from '../../exporter/read-archive.ts'
import type { NamedImage } from '../../exporter/types.ts'
import { validateLayout } from '../../exporter/validate.ts'
import { loadNative } from '../../native/index.ts'
import { makeImage, type TestImage } from '../support/images.ts'
import { findOracle } from '../support/oracle.ts'
import { findPeer, type Peer } from '../support/peers.ts'
import { AMD64, CALM, memorySink, namedImage, scratch } from './support.ts'

const [skopeo, umoci, podman, oracle] = await Promise.all([findPeer('skopeo'), findPeer('umoci'), findPeer('podman'), findOracle()])
const skipWithout = (peer: object | string): string | false => (typeof peer === 'string' ? peer : false)

interface Exported extends AsyncDisposable {
  readonly path: string
  readonly image: TestImage
  readonly named: NamedImage
  readonly tag: string
}

/** An image in all forms: `oci.tar`, `docker.tar`, `layout/`. */
async function exported(): Promise<Exported> {
  const place = await scratch()
  const image = await makeImage({
    files: [
      ['hello', 'x'.repeat(100_000)],
      ['other', 'y'],
    ],
  })
  const tag = `tsbuild-test-export:${process.pid}`
  const named = await namedImage(image, [`docker.io/library/${tag}`], place.path)
  await writeOciArchive(loadNative(), [named], { path: join(place.path, 'oci.tar') }, CALM)
  await writeDockerArchive(loadNative(), [named], { path: join(place.path, 'docker.tar') }, CALM)
  await writeOciDirectory([named], join(place.path, 'layout'), CALM)
  return { path: place.path, image, named, tag, [Symbol.asyncDispose]: () => place[Symbol.asyncDispose]() }
}

async function ok(peer: Peer | string, args: readonly string[]): Promise<string> {
  assert.ok(typeof peer !== 'string')
  const { code, stdout, stderr } = await peer.run(args)
  assert.equal(code, 0, `${args.join(' ')}\n${stderr}`)
  return stdout
}

test('skopeo copies each form into a layout that is sound', { skip: skipWithout(skopeo) }, async () => {
  assert.ok(typeof skopeo !== 'string')
  await using made = await exported()
  const at = (name: string): string => skopeo.path(join(made.path, name))
  for (const [index, source] of [`oci-archive:${at('oci.tar')}`, `docker-archive:${at('docker.tar')}`, `oci:${at('layout')}`].entries()) {
    await ok(
      skopeo,
      ['copy', '--insecure-policy', '--preserve-digests', source, `oci:${at(`copy${index}`)}:x`].filter(
        (arg) => index !== 1 || arg !== '--preserve-digests',
      ),
    )
    assert.deepEqual(await validateLayout(join(made.path, `copy${index}`)), [], source)
    const config: unknown = JSON.parse(await ok(skopeo, ['inspect', '--config', `oci:${at(`copy${index}`)}:x`]))
    assert.deepEqual(config, made.image.config)
  }
})

test('what skopeo writes is read', { skip: skipWithout(skopeo) }, async () => {
  assert.ok(typeof skopeo !== 'string')
  await using made = await exported()
  const at = (name: string): string => skopeo.path(join(made.path, name))
  await ok(skopeo, ['copy', '--insecure-policy', `oci:${at('layout')}`, `docker-archive:${at('their-docker.tar')}:${made.tag}`])
  await ok(skopeo, ['copy', '--insecure-policy', `oci:${at('layout')}`, `oci-archive:${at('their-oci.tar')}:${made.tag}`])
  for (const name of ['their-docker.tar', 'their-oci.tar']) {
    const [image] = await readArchive(createReadStream(join(made.path, name)), memorySink(), AMD64, CALM)
    assert.equal(image?.manifest.config.digest, made.image.manifest.config.digest, name)
    assert.deepEqual(image?.names, made.named.names, name)
  }
})

test('umoci unpacks the layout', { skip: skipWithout(umoci) }, async () => {
  assert.ok(typeof umoci !== 'string')
  await using made = await exported()
  const tag = made.tag.split(':')[1]
  const stat = JSON.parse(await ok(umoci, ['stat', '--json', '--image', `${umoci.path(join(made.path, 'layout'))}:${tag}`])) as {
    history: readonly unknown[]
  }
  assert.equal(stat.history.length, 2)
})

test('podman loads both archives', { skip: skipWithout(podman) }, async () => {
  assert.ok(typeof podman !== 'string')
  await using made = await exported()
  for (const name of ['docker.tar', 'oci.tar']) {
    await mkdir(join(made.path, `storage-${name}`))
    const storage = [
      '--storage-driver',
      'vfs',
      '--root',
      podman.path(join(made.path, `storage-${name}`)),
      '--runroot',
      podman.path(join(made.path, `run-${name}`)),
    ]
    await ok(podman, [...storage, 'load', '--input', podman.path(join(made.path, name))])
    const listed = await ok(podman, [...storage, 'images', '--no-trunc', '--format', '{{.Id}} {{.Repository}}:{{.Tag}}'])
    assert.match(listed, new RegExp(`${made.image.manifest.config.digest.slice(7)} \\S*${made.tag}\\n`), name)
  }
})

test('docker loads our archive under the same image ID, and we read what it saves', { skip: skipWithout(oracle) }, async () => {
  assert.ok(typeof oracle !== 'string')
  await using made = await exported()
  try {
    await oracle.docker(['load', '--input', join(made.path, 'docker.tar')])
    assert.equal((await oracle.docker(['image', 'inspect', '--format', '{{.Id}}', made.tag])).trim(), made.image.manifest.config.digest)
    await oracle.save(made.tag, join(made.path, 'saved.tar'))
    const [image] = await readArchive(createReadStream(join(made.path, 'saved.tar')), memorySink(), AMD64, CALM)
    assert.equal(image?.manifest.config.digest, made.image.manifest.config.digest)
    assert.deepEqual(image?.names, made.named.names)
  } finally {
    await oracle.remove(made.tag).catch(() => undefined)
  }
})
