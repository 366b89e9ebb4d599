import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A real registry on loopback, from Debian's `docker-registry`; its data goes when it stops. */
export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`: what references start with. */
  readonly host: string
  stop(): Promise<void>
}

/** The one account of a registry started with `auth`. */
export const TEST_ACCOUNT = { username: 'tester', password: 'secret' } as const

// bcrypt of TEST_ACCOUNT.password
const HTPASSWD = `${TEST_ACCOUNT.username}:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n`

/** For the `skip` option of a test: why there can be no registry here, or `false`. */
export function registryMissing(): string | false {
  return spawnSync('docker-registry', ['--version']).error === undefined ? false : '`docker-registry` is not installed'
}

/** Starts a registry on a free port of loopback and waits until it answers. */
export async function startRegistry(options: { auth?: boolean } = {}): Promise<TestRegistry> {
  const directory = await mkdtemp(join(tmpdir(), 'tsbuild-registry-'))
  const port = await freePort()
  const host = `127.0.0.1:${port}`
  await writeFile(join(directory, 'htpasswd'), HTPASSWD)
  await writeFile(join(directory, 'config.yml'), configuration(directory, host, options.auth === true))
  const child = spawn('docker-registry', ['serve', join(directory, 'config.yml')], { stdio: 'ignore' })
  const stop = async (): Promise<void> => {
    await end(child)
    await rm(directory, { recursive: true, force: true })
  }
  try {
    await answering(host, child)
  } catch (error) {
    await stop()
    throw error
  }
  return { host, stop, [Symbol.asyncDispose]: stop }
}

function configuration(directory: string, host: string, auth: boolean): string {
  return JSON.stringify({
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(directory, 'data') }, delete: { enabled: true } },
    http: { addr: host },
    ...(auth ? { auth: { htpasswd: { realm: 'test', path: join(directory, 'htpasswd') } } } : {}),
  })
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

async function answering(host: string, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (child.exitCode !== null) throw new Error(`docker-registry ended with code ${child.exitCode}`)
    const status = await fetch(`http://${host}/v2/`).then(
      (response) => response.status,
      () => 0,
    )
    if (status === 200 || status === 401) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('docker-registry does not answer')
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const force = setTimeout(() => child.kill('SIGKILL'), 3000)
  await ended
  clearTimeout(force)
}
