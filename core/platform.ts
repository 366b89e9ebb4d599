import { TsbError } from './error.ts'

/** What an image runs on (OCI image spec, image-index.md "platform"), in Go's names. */
export interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
  readonly osVersion?: string
}

const ARCHITECTURES: Readonly<Record<string, Pick<Platform, 'architecture' | 'variant'>>> = {
  x86_64: { architecture: 'amd64' },
  'x86-64': { architecture: 'amd64' },
  x64: { architecture: 'amd64' },
  aarch64: { architecture: 'arm64' },
  armhf: { architecture: 'arm', variant: 'v7' },
  armel: { architecture: 'arm', variant: 'v6' },
  ia32: { architecture: '386' },
  i386: { architecture: '386' },
}

/** Go's, which a word that stands alone must be one of: an invented one is a slip. */
const KNOWN_ARCHITECTURES: ReadonlySet<string> = new Set(
  '386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm'.split(' '),
)

const KNOWN_SYSTEMS: ReadonlySet<string> = new Set(
  'aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos'.split(' '),
)

/** The platform of this machine, from Node's name of the architecture. */
export function hostPlatform(nodeArch: string = process.arch): Platform {
  return { os: 'linux', ...normaliseArchitecture(nodeArch === 'arm' ? 'armhf' : nodeArch) }
}

/**
 * Reads `os[(version)]/arch[/variant]`, or one of the two alone, as containerd does.
 * @throws TsbError `TSB_PLATFORM_INVALID`
 */
export function parsePlatform(text: string): Platform {
  const match = /^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.%-]*)(?:\+[A-Za-z0-9_.%-]+)*\))?((?:\/[A-Za-z0-9_.-]+){0,2})$/.exec(text)
  if (match === null) throw invalid(text)
  const [, written = '', osVersion = '', rest = ''] = match
  const name = written.toLowerCase()
  const platform = readPlatform(text, name === 'macos' ? 'darwin' : name, rest.toLowerCase().split('/').slice(1))
  return osVersion === '' ? platform : { ...platform, osVersion }
}

function readPlatform(text: string, first: string, [second, third]: readonly string[]): Platform {
  if (second === undefined) {
    if (KNOWN_SYSTEMS.has(first)) return { ...hostPlatform(), os: first }
    const architecture = normaliseArchitecture(first)
    if (!KNOWN_ARCHITECTURES.has(architecture.architecture)) throw invalid(text)
    return { os: 'linux', ...architecture }
  }
  return { os: first, ...normaliseArchitecture(second, third) }
}

/** `os/arch[/variant]`. */
export function formatPlatform(platform: Platform): string {
  const base = `${platform.os}/${platform.architecture}`
  return platform.variant === undefined ? base : `${base}/${platform.variant}`
}

/** Whether an image made for `image` runs where `wanted` is asked for; an unnamed variant matches any. */
export function platformMatches(image: Platform, wanted: Platform): boolean {
  const a = normaliseArchitecture(image.architecture, image.variant)
  const b = normaliseArchitecture(wanted.architecture, wanted.variant)
  if (image.os !== wanted.os || a.architecture !== b.architecture) return false
  return a.variant === undefined || b.variant === undefined || a.variant === b.variant
}

function normaliseArchitecture(name: string, variant?: string): Pick<Platform, 'architecture' | 'variant'> {
  const known = ARCHITECTURES[name] ?? { architecture: name }
  const chosen = variant ?? known.variant
  if (known.architecture === 'arm64' && (chosen === 'v8' || chosen === '8')) return { architecture: 'arm64' }
  if (chosen === undefined || chosen === '') return { architecture: known.architecture }
  return { architecture: known.architecture, variant: /^\d/.test(chosen) ? `v${chosen}` : chosen }
}

function invalid(text: string): TsbError {
  return new TsbError('TSB_PLATFORM_INVALID', `\`${text}\` is not a platform`, {
    hint: 'write it as `os/arch[/variant]`, for instance `linux/arm64`',
    fault: 'usage',
  })
}
