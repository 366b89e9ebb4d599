import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { pack } from 'tar-stream'
import type { ContainerConfig, ImageConfig } from '../../core/manifest.ts'
import { hostPlatform } from '../../core/platform.ts'
import { BUSYBOX_ROOT } from '../support/paths.ts'

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** The image without the files that a container's network needs. */
const BARE = 'differential/bare:latest'

/** The images that cases build on: one busybox, with little and with every field of a config. */
const IMAGES: Readonly<Record<string, ContainerConfig>> = {
  'differential/base:latest': { Env: [PATH], Cmd: ['sh'] },
  [BARE]: { Env: [PATH], Cmd: ['sh'] },
  'differential/rich:latest': {
    User: '7:8',
    Env: [PATH, 'COLOUR=red', 'EMPTY='],
    Entrypoint: ['/bin/echo', 'entry'],
    Cmd: ['cmd'],
    WorkingDir: '/tmp',
    Labels: { team: 'base', kept: 'yes' },
    ExposedPorts: { '80/tcp': {} },
    Volumes: { '/data': {} },
    StopSignal: 'SIGQUIT',
    Shell: ['/bin/sh', '-ec'],
    Healthcheck: { Test: ['CMD', 'true'], Interval: 5_000_000_000, Retries: 2 },
    OnBuild: ['ENV TRIGGERED=yes', 'RUN echo "$COLOUR" > /tmp/triggered'],
  },
}

/** What the builders of old wrote beside: the members of the top, and of `config`. */
const OLD = 'differential/old:latest'
const OLD_MEMBERS = {
  container: 'f00f',
  container_config: { Hostname: 'old', Cmd: ['/bin/sh', '-c', '#(nop) CMD'] },
  docker_version: '18.06.1-ce',
  author: 'An Old One',
  'os.version': '1.2.3',
  'os.features': ['feature'],
  unheard: { of: [1, 2] },
}
const OLD_CONFIG = {
  Hostname: 'old',
  Domainname: 'example',
  AttachStdin: false,
  Tty: true,
  OpenStdin: true,
  StdinOnce: false,
  Image: `sha256:${'0'.repeat(64)}`,
  NetworkDisabled: true,
  MacAddress: '',
  Memory: 5,
  Entrypoint: null,
  OnBuild: null,
  Labels: null,
  Volumes: null,
  ExposedPorts: {},
  User: '',
  StopTimeout: 3,
  Env: ['A=1'],
  Cmd: ['sh'],
  WorkingDir: 'relative/../dir/',
}

export const BASE_NAMES: readonly string[] = [...Object.keys(IMAGES), OLD]

/** Writes the base images as one docker archive, which either side can load: their configs are then equal byte by byte. */
export async function writeBaseArchive(file: string): Promise<void> {
  const layers = { 'busybox.tar': await readFile(BUSYBOX_ROOT), 'network.tar': await networkLayer() }
  const archive = pack()
  const written = pipeline(archive, createWriteStream(file))
  for (const [name, layer] of Object.entries(layers)) archive.entry({ name }, layer)
  const manifest = Object.entries(IMAGES).map(([name, config]) => {
    const names = name === BARE ? ['busybox.tar'] : Object.keys(layers)
    const text = JSON.stringify(imageConfig(config, Object.values(layers).slice(0, names.length)))
    const member = `${sha256(text)}.json`
    archive.entry({ name: member }, text)
    return { Config: member, RepoTags: [name], Layers: names }
  })
  const old = JSON.stringify({ ...imageConfig(OLD_CONFIG, Object.values(layers)), ...OLD_MEMBERS })
  archive.entry({ name: `${sha256(old)}.json` }, old)
  manifest.push({ Config: `${sha256(old)}.json`, RepoTags: [OLD], Layers: Object.keys(layers) })
  archive.entry({ name: 'manifest.json' }, JSON.stringify(manifest))
  archive.finalize()
  await written
}

/** As real images have them, so that no step has to make them for its container. */
async function networkLayer(): Promise<Buffer> {
  const archive = pack()
  archive.entry({ name: 'etc', type: 'directory', mode: 0o755, mtime: new Date(0) })
  for (const name of ['etc/hosts', 'etc/resolv.conf']) archive.entry({ name, mode: 0o644, mtime: new Date(0) }, '')
  archive.finalize()
  return buffer(archive)
}

function imageConfig(config: object, layers: readonly Buffer[]): ImageConfig {
  const created = '2001-09-09T01:46:40Z'
  return {
    architecture: hostPlatform().architecture,
    os: 'linux',
    created,
    config,
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${sha256(layer)}` as const) },
    history: layers.map((_, index) => ({ created, created_by: `base ${index}` })),
  }
}

function sha256(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}
