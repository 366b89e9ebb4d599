import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { TsbError } from '../core/error.ts'

/** What proves to a registry who we are. */
export type Credential =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token, to be changed into bearer tokens. */
  | { readonly kind: 'identity-token'; readonly token: string }
  /** A bearer token, used as it is. */
  | { readonly kind: 'registry-token'; readonly token: string }

/** Finds the credential for a registry, by the domain that references use; `undefined` when there is none. */
export type FindCredential = (domain: string) => Promise<Credential | undefined>

interface DockerConfig {
  readonly auths: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly credsStore: string | undefined
  readonly credHelpers: Readonly<Record<string, string>>
}

/** Docker Hub's key in config files and credential stores, older than the name `docker.io`. */
const HUB_KEY = 'https://index.docker.io/v1/'
const HELPER_NAME = /^[\w.-]+$/
const HELPER_TIMEOUT_MS = 30_000

/**
 * Reads docker's own `config.json`: a helper for the registry (`credHelpers`), the store for all (`credsStore`),
 * or `auths`, in this order. The file is read once, a registry is looked up once.
 * The promise fails with `TSB_REGISTRY_CREDENTIALS` when the file is malformed or a helper fails.
 */
export function dockerCredentials(env: Readonly<Record<string, string | undefined>>): FindCredential {
  const file = join(env['DOCKER_CONFIG'] || join(env['HOME'] || homedir(), '.docker'), 'config.json')
  let config: Promise<DockerConfig> | undefined
  const known = new Map<string, Promise<Credential | undefined>>()
  return (domain) => {
    config ??= readConfig(file)
    const found = known.get(domain) ?? config.then((read) => find(read, domain, env))
    known.set(domain, found)
    return found
  }
}

async function find(
  config: DockerConfig,
  domain: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Credential | undefined> {
  const key = domain === 'docker.io' ? HUB_KEY : domain
  const helper = config.credHelpers[key] ?? config.credHelpers[domain] ?? config.credsStore
  if (helper !== undefined && helper !== '') {
    const given = await askHelper(helper, key, env)
    if (given !== undefined) return given
  }
  const entry = config.auths[key] ?? Object.entries(config.auths).find(([name]) => hostOf(name) === hostOf(key))?.[1]
  return typeof entry === 'object' && entry !== null ? fromEntry(entry) : undefined
}

async function readConfig(file: string): Promise<DockerConfig> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const absent = error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
    if (absent) return { auths: {}, credsStore: undefined, credHelpers: {} }
    throw unusable(`cannot read \`${file}\``, 'make the file readable', error)
  }
  try {
    const { auths, credsStore, credHelpers } = JSON.parse(text)
    return { auths: { ...auths }, credsStore: typeof credsStore === 'string' ? credsStore : undefined, credHelpers: { ...credHelpers } }
  } catch {
    // no cause kept: the parser's message may quote the file, and with it a secret
    throw unusable(`\`${file}\` is not valid JSON`, 'repair the file, or log in again')
  }
}

function fromEntry(entry: Readonly<Record<string, unknown>>): Credential | undefined {
  const { auth, username, password, identitytoken, registrytoken } = entry
  if (typeof registrytoken === 'string' && registrytoken !== '') return { kind: 'registry-token', token: registrytoken }
  if (typeof identitytoken === 'string' && identitytoken !== '') return { kind: 'identity-token', token: identitytoken }
  if (typeof auth === 'string' && auth !== '') {
    const decoded = Buffer.from(auth, 'base64').toString('utf8')
    const colon = decoded.indexOf(':')
    // docker pads what it writes with zero bytes
    if (colon > 0) return { kind: 'password', username: decoded.slice(0, colon), password: decoded.slice(colon + 1).replace(/\0+$/, '') }
  }
  if (typeof username === 'string' && typeof password === 'string' && username !== '') return { kind: 'password', username, password }
  return undefined
}

/** The credential helper protocol: the server's name on stdin, `{"ServerURL", "Username", "Secret"}` on stdout. */
async function askHelper(helper: string, key: string, env: Readonly<Record<string, string | undefined>>): Promise<Credential | undefined> {
  if (!HELPER_NAME.test(helper))
    throw unusable(`\`${helper}\` is not the name of a credential helper`, "correct it in docker's config.json")
  const program = `docker-credential-${helper}`
  const { code, output } = await run(program, ['get'], key, env)
  if (code !== 0) {
    if (/credentials not found/.test(output)) return undefined
    throw unusable(`\`${program}\` failed with code ${code}`, `run \`${program} get\` to see why`)
  }
  try {
    const { Username, Secret } = JSON.parse(output)
    if (typeof Username !== 'string' || typeof Secret !== 'string') return undefined
    return Username === '<token>' ? { kind: 'identity-token', token: Secret } : { kind: 'password', username: Username, password: Secret }
  } catch {
    throw unusable(`\`${program}\` gave no valid answer`, `run \`${program} get\` to see why`)
  }
}

function run(
  program: string,
  args: readonly string[],
  input: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(HELPER_TIMEOUT_MS)
    const child = spawn(program, args, { env: { ...env }, stdio: ['pipe', 'pipe', 'ignore'], signal })
    const chunks: Buffer[] = []
    child.on('error', (cause) =>
      reject(unusable(`cannot run \`${program}\``, `install \`${program}\`, or remove it from docker's config.json`, cause)),
    )
    child.on('close', (code) => resolve({ code, output: Buffer.concat(chunks).toString('utf8') }))
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    // a helper may end without reading its input
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
  })
}

function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
}

function unusable(message: string, hint: string, cause?: unknown): TsbError {
  return new TsbError('TSB_REGISTRY_CREDENTIALS', message, { fault: 'host', hint, cause })
}
