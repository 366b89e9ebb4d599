import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cachedFile } from './cache.ts'
import { hasProgram, mustRun, runProcess } from './process.ts'
import { gzipFile, pushLayerImage } from './push-layer.ts'
import { registryMissing, startRegistry, type TestRegistry } from './registry.ts'

const SUITE = 'bookworm'
/** All files of the base get this time at the latest, so that the same packages give the same bytes. */
const EPOCH = '1700000000'
const SOURCES = ['/etc/apt/sources.list.d/debian.sources', '/etc/apt/sources.list']
const CERTIFICATES = '/usr/local/share/ca-certificates'

/** A registry on loopback that serves one image: a small Debian, as `debian:bookworm` is. */
export interface DebianBase extends AsyncDisposable {
  readonly registry: TestRegistry
  /** `127.0.0.1:PORT/debian:bookworm` */
  readonly reference: string
}

/**
 * Starts the registry and puts the base into it. mmdebstrap makes the base the first time; see `cachedFile`.
 * @returns a sentence why it cannot be had here, for the test to skip with.
 */
export async function startDebianBase(): Promise<DebianBase | string> {
  const missing = await missingForBase()
  if (missing !== undefined) return missing
  const layer = await cachedFile(`debian-${SUITE}.tar.gz`, cacheKey(), makeLayer)
  const registry = await startRegistry()
  try {
    const reference = await pushLayerImage({
      host: registry.host,
      repository: 'debian',
      tag: SUITE,
      file: layer,
      created: new Date(Number(EPOCH) * 1000).toISOString(),
      config: { Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'], Cmd: ['bash'] },
    })
    return { registry, reference, [Symbol.asyncDispose]: () => registry.stop() }
  } catch (error) {
    await registry.stop()
    throw error
  }
}

async function missingForBase(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'only root can run containers and mmdebstrap here'
  const registry = registryMissing()
  if (registry !== false) return registry
  if (!(await hasProgram('mmdebstrap'))) return '`mmdebstrap` is not installed'
  return debianReachable()
}

/** apt's own downloader is asked, since only apt knows this machine's mirrors and proxies. */
async function debianReachable(): Promise<string | undefined> {
  const only = ['-o', `Dir::Etc::SourceList=${sourcesFile()}`, '-o', 'Dir::Etc::SourceParts=-']
  const { stdout } = await runProcess('apt-get', ['update', '--print-uris', ...only])
  const uri = /^'([^']+InRelease)'/m.exec(stdout)?.[1] ?? ''
  const folder = await mkdtemp(join(tmpdir(), 'tsbuild-reach-'))
  const { code } = await runProcess('/usr/lib/apt/apt-helper', ['download-file', uri, join(folder, 'InRelease')])
  await rm(folder, { recursive: true, force: true })
  return code === 0 ? undefined : 'the Debian package registry cannot be reached'
}

function sourcesFile(): string {
  return SOURCES.find((path) => existsSync(path)) ?? '/etc/apt/sources.list'
}

function certificates(): string[] {
  if (!existsSync(CERTIFICATES)) return []
  return readdirSync(CERTIFICATES)
    .filter((name) => name.endsWith('.crt'))
    .sort()
    .map((name) => `${CERTIFICATES}/${name}`)
}

function cacheKey(): string[] {
  return [SUITE, EPOCH, process.arch, ...[sourcesFile(), ...certificates()].map((path) => readFileSync(path, 'utf8'))]
}

async function makeLayer(path: string): Promise<void> {
  const tar = `${path}.tar`
  try {
    await mustRun('mmdebstrap', mmdebstrapArguments(tar), { env: { ...process.env, SOURCE_DATE_EPOCH: EPOCH } })
    await gzipFile(tar, path)
  } finally {
    await rm(tar, { force: true })
  }
}

/** The host's own certificates go in: behind a proxy that opens TLS, nothing in a container could be fetched without. */
function mmdebstrapArguments(tar: string): string[] {
  const excluded = ['/usr/share/man/*', '/usr/share/doc/*', '/usr/share/locale/*', '/usr/share/info/*']
  const copy = certificates().map((file) => `--customize-hook=copy-in ${file} /usr/local/share/ca-certificates`)
  return [
    '--quiet',
    '--variant=minbase',
    '--mode=root',
    '--include=ca-certificates',
    ...excluded.map((pattern) => `--dpkgopt=path-exclude=${pattern}`),
    ...(copy.length === 0 ? [] : [...copy, '--customize-hook=chroot "$1" update-ca-certificates']),
    SUITE,
    tar,
    sourcesFile(),
  ]
}
