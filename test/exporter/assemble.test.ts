import assert from 'node:assert/strict'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Digest, sha256Digest } from '../../core/digest.ts'
import type { ImagePlan } from '../../core/image-plan.ts'
import type { ImageConfig } from '../../core/manifest.ts'
import { assembleConfig, assembleManifest, encodeConfig } from '../../exporter/assemble.ts'
import { readArchive } from '../../exporter/read-archive.ts'
import { parseImageConfig } from '../../registry/documents.ts'
import { digestOf } from '../support/images.ts'
import { findOracle } from '../support/oracle.ts'
import { AMD64, CALM, memorySink } from './support.ts'

const A: Digest = digestOf('a')
const B: Digest = digestOf('b')
const C: Digest = digestOf('c')
const DOCKERFILE = 'buildkit.dockerfile.v0'
const MADE_UP = 'buildkit.exporter.image.v0'

function plan(overrides: Partial<ImagePlan>): ImagePlan {
  return { platform: AMD64, config: {}, history: [], ...overrides }
}

const BASE: ImageConfig = {
  architecture: 'amd64',
  os: 'linux',
  author: 'base author',
  created: '2020-02-02T00:00:00Z',
  'os.version': '9',
  rootfs: { type: 'layers', diff_ids: [A] },
  history: [
    { created: '2020-01-01T00:00:00Z', created_by: 'ADD' },
    { created: '2020-02-02T00:00:00Z', created_by: 'CMD', empty_layer: true },
  ],
}

function times(config: ImageConfig): readonly (string | undefined)[] {
  return (config.history ?? []).map(({ created }) => created?.slice(0, 4))
}

test('new entries take the time of the next layer, later ones that of the layer before', () => {
  const config = assembleConfig(
    plan({
      base: BASE,
      history: [
        { created_by: 'ENV', empty_layer: true },
        { created_by: 'RUN' },
        { created_by: 'USER', empty_layer: true },
        { created_by: 'COPY' },
      ],
    }),
    [A, B, C],
    [{ created: '2024-01-01T00:00:00Z' }, { created: '2025-01-01T00:00:00Z' }],
  )
  assert.deepEqual(times(config), ['2020', '2020', '2024', '2024', '2024', '2025'])
  assert.equal(config.created, '2025-01-01T00:00:00Z')
  assert.equal(config.author, 'base author')
  assert.equal(config['os.version'], '9')
})

test('without a new layer everything is as old as the base', () => {
  const config = assembleConfig(plan({ base: BASE, history: [{ created_by: 'ENV', empty_layer: true }] }), [A], [])
  assert.deepEqual(times(config), ['2020', '2020', '2020'])
  assert.equal(config.created, BASE.created)
})

test('layers without an entry get one, entries without a layer become empty', () => {
  const short = assembleConfig(
    plan({ base: { ...BASE, history: [] }, history: [{ created_by: 'COPY', comment: DOCKERFILE }] }),
    [A, B],
    [{ created: '2024-01-01T00:00:00Z', step: 'two' }],
  )
  assert.deepEqual(
    short.history?.map(({ comment, created_by }) => [comment, created_by]),
    [
      [DOCKERFILE, 'COPY'],
      [MADE_UP, 'two'],
    ],
  )
  const long = assembleConfig(plan({ history: [{ created_by: 'one' }, { created_by: 'two' }] }), [A], [{ created: '2024-01-01T00:00:00Z' }])
  assert.deepEqual(
    long.history?.map(({ empty_layer }) => empty_layer),
    [undefined, true],
  )
})

test('an image of nothing has the nulls that docker writes', () => {
  const config = assembleConfig(plan({ config: { Env: ['A=b'], WorkingDir: '/', Cmd: [], Labels: {}, Entrypoint: null } }), [], [])
  assert.equal(
    Buffer.from(encodeConfig(config, sha256Digest).bytes).toString(),
    '{"architecture":"amd64","config":{"Env":["A=b"],"WorkingDir":"/"},"created":null,"history":null,"os":"linux","rootfs":{"type":"layers","diff_ids":null}}',
  )
})

test('maps are sorted by bytes, and what Go escapes is escaped', () => {
  const labels = { 9: 'n', 10: 't', b: '<&>', B: '\u2028', a: 'é\\u0041' }
  const { bytes, descriptor } = encodeConfig(
    {
      architecture: 'a',
      os: 'o',
      config: { Labels: labels },
      rootfs: { type: 'layers', diff_ids: [A] },
    },
    sha256Digest,
  )
  assert.match(Buffer.from(bytes).toString(), /"Labels":\{"10":"t","9":"n","B":"\\u2028","a":"é\\\\u0041","b":"\\u003c\\u0026\\u003e"\}/)
  assert.equal(descriptor.digest, digestOf(bytes))
})

test('a manifest speaks one family of media types', () => {
  const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: A, size: 1 }
  const layers = ['application/vnd.oci.image.layer.v1.tar+gzip', 'application/vnd.docker.image.rootfs.diff.tar'].map((mediaType) => ({
    mediaType,
    digest: B,
    size: 2,
    annotations: { internal: 'x' },
  }))
  const docker = assembleManifest(config, layers, 'docker')
  assert.deepEqual(
    docker.value.layers.map(({ mediaType }) => mediaType),
    ['application/vnd.docker.image.rootfs.diff.tar.gzip', 'application/vnd.docker.image.rootfs.diff.tar'],
  )
  const oci = assembleManifest(config, layers, 'oci')
  assert.deepEqual(
    oci.value.layers.map(({ mediaType }) => mediaType),
    ['application/vnd.oci.image.layer.v1.tar+gzip', 'application/vnd.oci.image.layer.v1.tar'],
  )
  assert.match(
    Buffer.from(oci.bytes).toString(),
    /^\{\n {2}"schemaVersion": 2,\n {2}"mediaType": "[^"]+",\n {2}"config": \{\n {4}"mediaType"/,
  )
  assert.equal(oci.value.layers[0]?.annotations, undefined)
})

const oracle = await findOracle()

test('what docker writes comes out of our encoder byte for byte', { skip: typeof oracle === 'string' ? oracle : false }, async () => {
  assert.ok(typeof oracle !== 'string')
  const directory = await mkdtemp(join(tmpdir(), 'tsbuild-assemble-'))
  const tag = `tsbuild-test-assemble:${process.pid}`
  try {
    await writeFile(join(directory, 'Dockerfile'), DOCKERFILE_WITH_ALL)
    await writeFile(join(directory, 'a.txt'), 'a\n')
    await oracle.build({ context: directory, tag, args: [] })
    await oracle.save(tag, join(directory, 'image.tar'))
    const sink = memorySink()
    const [image] = await readArchive(createReadStream(join(directory, 'image.tar')), sink, AMD64, CALM)
    assert.ok(image)
    const expected = Buffer.from(image.configBytes).toString()
    assert.equal(Buffer.from(encodeConfig(image.config, sha256Digest).bytes).toString(), expected)

    // and from a plan: the times are docker's own, everything else is derived
    const config = parseImageConfig(image.configBytes, (why) => new Error(why) as never)
    const history = (config.history ?? []).map(({ created: _, ...entry }) => entry)
    const layers = (config.history ?? []).filter(({ empty_layer }) => empty_layer !== true).map(({ created }) => created ?? '')
    const made = assembleConfig(
      plan({ config: config.config ?? {}, history, ...(config.author === undefined ? {} : { author: config.author }) }),
      config.rootfs.diff_ids,
      layers.map((created) => ({ created })),
    )
    assert.equal(Buffer.from(encodeConfig(made, sha256Digest).bytes).toString(), expected)
    assert.ok(image.names.includes(`docker.io/library/${tag}`))
  } finally {
    await oracle.remove(tag).catch(() => undefined)
    await rm(directory, { recursive: true, force: true })
  }
})

const DOCKERFILE_WITH_ALL = `FROM scratch
ENV A=b
COPY a.txt /a.txt
LABEL z=1 a="<2>" B=3
WORKDIR /w
MAINTAINER me <m@x>
USER 1000
EXPOSE 80 53/udp
VOLUME /data /a
STOPSIGNAL SIGTERM
SHELL ["/bin/sh", "-ec"]
HEALTHCHECK --interval=3s --retries=2 CMD echo & ok
COPY a.txt b.txt
ENTRYPOINT ["/a.txt", "<&>"]
CMD echo "x"
ONBUILD RUN ls
`
