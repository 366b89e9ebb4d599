import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTsbError } from '../../core/error.ts'
import type { Descriptor, Index } from '../../core/manifest.ts'
import { MEDIA_TYPES } from '../../core/media-types.ts'
import { parsePlatform } from '../../core/platform.ts'
import { parseReference } from '../../core/reference.ts'
import { choosePlatform } from '../../registry/choose.ts'
import { startServer } from '../support/http-server.ts'
import { digestOf, makeImage, type TestImage } from '../support/images.ts'
import { CALM, imageHandler, testClient, withCode } from './support.ts'

function entry(name: string): Descriptor {
  const [os = '', architecture = '', variant] = name.split('/')
  const platform = { os, architecture, ...(variant === undefined ? {} : { variant }) }
  return { mediaType: MEDIA_TYPES.ociManifest, digest: digestOf(name), size: 1, platform }
}

function indexOf(manifests: readonly Descriptor[]): Index {
  return { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests }
}

const CASES: readonly (readonly [wanted: string, offered: readonly string[], chosen: string | undefined])[] = [
  ['linux/amd64', ['linux/arm64', 'linux/amd64'], 'linux/amd64'],
  ['linux/amd64', ['linux/amd64/v3', 'linux/amd64'], 'linux/amd64'],
  ['linux/amd64/v3', ['linux/amd64', 'linux/amd64/v2', 'linux/amd64/v4'], 'linux/amd64'],
  ['linux/arm/v7', ['linux/arm/v5', 'linux/arm/v6', 'linux/arm/v7'], 'linux/arm/v7'],
  ['linux/arm/v7', ['linux/arm/v5', 'linux/arm/v6'], 'linux/arm/v6'],
  ['linux/arm/v6', ['linux/arm/v7'], undefined],
  ['linux/arm64', ['linux/arm/v7', 'linux/arm64/v8'], 'linux/arm64/v8'],
  ['linux/amd64', ['unknown/unknown', 'windows/amd64'], undefined],
]

for (const [wanted, offered, chosen] of CASES) {
  test(`${wanted} of ${offered.join(' ')} is ${chosen}`, () => {
    const first = choosePlatform(indexOf(offered.map(entry)), parsePlatform(wanted))[0]
    assert.equal(first?.digest, chosen === undefined ? undefined : digestOf(chosen))
  })
}

/** Serves an index of `images` as tag `all`; `named` says whether its entries tell their platforms. */
async function serveIndex(images: readonly TestImage[], named: boolean): ReturnType<typeof startServer> {
  const attestation: Descriptor = {
    mediaType: MEDIA_TYPES.ociManifest,
    digest: digestOf('attestation'),
    size: 1,
    platform: { os: 'unknown', architecture: 'unknown' },
  }
  const manifests = images.map(({ manifest, manifestDigest, manifestBytes, config }) => ({
    mediaType: manifest.mediaType,
    digest: manifestDigest,
    size: manifestBytes.length,
    ...(named ? { platform: { os: 'linux', architecture: config.architecture } } : {}),
  }))
  const bytes = Buffer.from(JSON.stringify(indexOf([attestation, ...manifests])))
  const serve = imageHandler(images)
  return startServer((request, response) => {
    if (request.url === '/v2/app/manifests/all') response.writeHead(200, { 'content-type': MEDIA_TYPES.ociIndex }).end(bytes)
    else serve(request, response)
  })
}

test('an index leads to the image of the platform, whether its entries name theirs or not', async () => {
  const images = [await makeImage({ architecture: 'arm64' }), await makeImage({ architecture: 'amd64' })]
  for (const named of [true, false]) {
    await using server = await serveIndex(images, named)
    const remote = await testClient().resolve(parseReference(`${server.host}/app:all`), parsePlatform('linux/amd64'), CALM)
    assert.equal(remote.config.architecture, 'amd64')
    assert.notEqual(remote.target, remote.manifestDigest)
  }
})

test('a platform that is not there is an error that names those that are', async () => {
  await using server = await serveIndex([await makeImage({ architecture: 'arm64' }), await makeImage({ architecture: 's390x' })], true)
  const failing = testClient().resolve(parseReference(`${server.host}/app:all`), parsePlatform('linux/amd64'), CALM)
  await assert.rejects(failing, (error) => {
    assert.ok(isTsbError(error))
    assert.equal(error.code, 'TSB_REGISTRY_PLATFORM')
    return error.hint?.includes('linux/arm64, linux/s390x') === true
  })
})

test('documents that two readers could take for different things are refused', async () => {
  const image = await makeImage()
  const bad: readonly unknown[] = [
    { ...image.manifest, manifests: [] },
    { ...image.manifest, schemaVersion: 1 },
    { ...image.manifest, layers: [{ mediaType: 'x', digest: 'sha256:../../etc/passwd', size: 1 }] },
    { ...image.manifest, layers: [{ mediaType: 'x', digest: digestOf('x'), size: -1 }] },
    { ...image.manifest, config: undefined },
    [],
  ]
  for (const document of bad) {
    await using server = await startServer((_request, response) => void response.writeHead(200).end(JSON.stringify(document)))
    const failing = testClient().resolve(parseReference(`${server.host}/app:1`), parsePlatform('linux/amd64'), CALM)
    await assert.rejects(failing, withCode('TSB_REGISTRY_ANSWER'))
  }
})
