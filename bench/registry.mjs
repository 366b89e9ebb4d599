import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

/** Debian's docker-registry on a free port of loopback, with its data in `place` until `close`. */
export async function startRegistry(place) {
  mkdirSync(place, { recursive: true })
  const host = `127.0.0.1:${await freePort()}`
  const config = join(place, 'config.yml')
  writeFileSync(config, configuration(place, host))
  const child = spawn('docker-registry', ['serve', config], { stdio: 'ignore' })
  const ended = new Promise((resolve) => child.once('exit', resolve).once('error', resolve))
  const close = async () => {
    child.kill()
    await ended
    rmSync(place, { recursive: true, force: true })
  }
  try {
    await answering(host, ended)
  } catch (error) {
    await close()
    throw error
  }
  return { host, close, written: () => writtenBy(child.pid), push: (repository, bytes) => pushBlob(host, repository, bytes), put }
}

// YAML reads JSON.
function configuration(place, host) {
  return JSON.stringify({
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(place, 'data') } },
    http: { addr: host },
  })
}

async function freePort() {
  const server = createServer()
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function answering(host, ended) {
  const gone = ended.then(() => {
    throw new Error('`docker-registry` (Debian package docker-registry) is not installed or does not start')
  })
  const up = async () => {
    for (let tries = 0; tries < 200; tries += 1) {
      if (
        await fetch(`http://${host}/v2/`).then(
          ({ ok }) => ok,
          () => false,
        )
      )
        return
      await setTimeout(50)
    }
    throw new Error('docker-registry does not answer')
  }
  await Promise.race([up(), gone])
}

/** Bytes that a process has written in its life, to sockets too. */
function writtenBy(pid) {
  return Number(/^wchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))[1])
}

/** Distribution spec, "Pushing blobs". @returns digest and size */
async function pushBlob(host, repository, bytes) {
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  const url = `http://${host}/v2/${repository}/blobs/uploads/`
  const location = new URL((await fetch(url, { method: 'POST' })).headers.get('location') ?? '', url)
  location.searchParams.set('digest', digest)
  await put(location, 'application/octet-stream', bytes)
  return { digest, size: bytes.length }
}

async function put(url, type, body) {
  const response = await fetch(url, { method: 'PUT', headers: { 'content-type': type }, body })
  if (!response.ok) throw new Error(`the registry answers ${response.status} to PUT ${url}`)
}
