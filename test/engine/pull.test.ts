import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { imageHandler } from '../registry/support.ts'
import { type Handler, startServer, type TestServer } from '../support/http-server.ts'
import { makeImage, type TestImage } from '../support/images.ts'
import { leftovers, processesOf } from '../support/leftovers.ts'
import type { Finished } from '../support/process.ts'
import { registryMissing, startRegistry, TEST_ACCOUNT } from '../support/registry.ts'
import { openTsbuild, type Tsbuild } from '../support/tsbuild.ts'
import { openProject } from './project.ts'
import { storeFaults } from './store-check.ts'

/** A store without images, and a directory with a Dockerfile. */
interface Bench extends AsyncDisposable {
  readonly tsbuild: Tsbuild
  readonly directory: string
  readonly output: string
  dockerfile(text: string): void
  /** Builds with the whole root as output, so that the base's layers are needed. */
  build(...args: readonly string[]): Promise<Finished>
}

async function openBench(dockerfile: string): Promise<Bench> {
  const tsbuild = await openTsbuild()
  const parent = mkdtempSync(join(tmpdir(), 'tsbuild-pull-'))
  const directory = join(parent, 'context')
  const output = join(parent, 'root')
  mkdirSync(directory)
  writeFileSync(join(directory, 'f'), 'from the context\n')
  const write = (text: string): void => writeFileSync(join(directory, 'Dockerfile'), text)
  write(dockerfile)
  return {
    tsbuild,
    directory,
    output,
    dockerfile: write,
    build: (...args) => tsbuild.run(['build', '--progress', 'plain', '-o', `type=local,dest=${output}`, ...args, directory]),
    [Symbol.asyncDispose]: async () => {
      rmSync(parent, { recursive: true, force: true })
      await tsbuild[Symbol.asyncDispose]()
    },
  }
}

async function assertFails(bench: Bench, finished: Finished, code: string, exit = 4): Promise<void> {
  assert.equal(finished.code, exit, finished.stderr)
  assert.equal(finished.stderr.match(/TSB_[A-Z_]+/g)?.join(), code, finished.stderr)
  assert.match(finished.stderr, /Dockerfile:1/, finished.stderr)
  await assertClean(bench)
}

async function assertClean({ tsbuild }: Bench): Promise<void> {
  assert.deepEqual(await leftovers(tsbuild.root), [])
  assert.deepEqual(await storeFaults(tsbuild.root), [])
}

/** Serves images, but what is asked of a layer is answered by `onLayer`. */
function withLayers(image: TestImage, onLayer: (bytes: Buffer, response: ServerResponse, range: number) => void): Handler {
  const layers = new Set(image.manifest.layers.map(({ digest }) => `/v2/app/blobs/${digest}`))
  const serve = imageHandler([image])
  return (request, response) => {
    if (!layers.has(request.url)) return serve(request, response)
    const bytes = image.blobs.get(request.url.slice('/v2/app/blobs/'.length) as `sha256:${string}`) ?? Buffer.alloc(0)
    onLayer(bytes, response, Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0))
  }
}

test('a private base needs the right account, and unknown names say where they stand', { skip: registryMissing() }, async () => {
  await using registry = await startRegistry({ auth: true })
  await using project = await openProject({ Dockerfile: 'FROM busybox\nCOPY Dockerfile /d\n' })
  const accounts = ['right', 'wrong', 'none'].map((name) => join(project.directory, name))
  const [right = '', wrong = '', none = ''] = accounts
  for (const folder of accounts) mkdirSync(folder)
  const auths = (password: string): string =>
    JSON.stringify({ auths: { [registry.host]: { auth: Buffer.from(`${TEST_ACCOUNT.username}:${password}`).toString('base64') } } })
  writeFileSync(join(right, 'config.json'), auths(TEST_ACCOUNT.password))
  writeFileSync(join(wrong, 'config.json'), auths('else'))
  const base = `${registry.host}/team/base:1`
  await project.tsbuild.must(['build', '-q', '-t', base, '--push', project.directory], { env: { DOCKER_CONFIG: right } })

  await using bench = await openBench(`FROM ${base}\nCOPY f /f\nRUN cat /d /f > /both\n`)
  const build = (config: string): Promise<Finished> =>
    bench.tsbuild.run(['build', '--progress', 'plain', '-t', 'app', bench.directory], { env: { DOCKER_CONFIG: config } })
  await assertFails(bench, await build(wrong), 'TSB_REGISTRY_UNAUTHORIZED')
  await assertFails(bench, await build(none), 'TSB_REGISTRY_UNAUTHORIZED')
  for (const unknown of [`${registry.host}/team/none:1`, `${registry.host}/team/base:2`]) {
    bench.dockerfile(`FROM ${unknown}\nRUN true\n`)
    await assertFails(bench, await build(right), 'TSB_REGISTRY_NOT_FOUND')
  }
  bench.dockerfile(`FROM ${base}\nCOPY f /f\nRUN cat /d /f > /both\n`)
  assert.equal((await build(right)).code, 0)
  assert.match(
    await bench.tsbuild.must(['run', '--rm', '--network', 'none', 'app', 'cat', '/both']),
    /^FROM busybox\n.*\nfrom the context\n$/s,
  )
  await assertClean(bench)
})

test('a blob of other bytes, one that breaks off for good, and a 500 fail the build and leave nothing', async () => {
  const image = await makeImage({ files: [['big', randomBytes(300_000)]] })
  const faults: readonly (readonly [string, Handler])[] = [
    ['TSB_REGISTRY_DIGEST', withLayers(image, (bytes, response) => void response.writeHead(200).end(Buffer.alloc(bytes.length)))],
    [
      'TSB_REGISTRY_UNREACHABLE',
      withLayers(image, (bytes, response, from) => {
        response.writeHead(200, { 'content-length': bytes.length })
        response.write(bytes.subarray(0, from === 0 ? 100_000 : 1), () => setTimeout(() => response.destroy(), 20))
      }),
    ],
    ['TSB_REGISTRY_ANSWER', withLayers(image, (_bytes, response) => void response.writeHead(500).end())],
  ]
  for (const [code, handler] of faults) {
    await using server = await startServer(handler)
    await using bench = await openBench(`FROM ${server.host}/app:1\nCOPY f /f\n`)
    await assertFails(bench, await bench.build(), code)
  }
})

test('a tag is asked for once; `--pull` asks again and sees that it moved; a digest stays', async () => {
  const [old, young] = [await makeImage({ files: [['which', 'old']] }), await makeImage({ files: [['which', 'young']] })]
  let current = imageHandler([old, young])
  await using server = await startServer((request, response) => current(request, response))
  await using bench = await openBench(`FROM ${server.host}/app:1\nCOPY f /f\n`)
  const which = async (...args: readonly string[]): Promise<string> => {
    const { code, stderr } = await bench.build(...args)
    assert.equal(code, 0, stderr)
    return readFileSync(join(bench.output, 'which'), 'utf8')
  }
  assert.equal(await which(), 'old')
  current = imageHandler([young, old])
  const before = server.requests.length
  assert.equal(await which(), 'old')
  assert.equal(server.requests.length, before)
  assert.equal(await which('--pull'), 'young')
  assert.equal(await which(), 'young')
  bench.dockerfile(`FROM ${server.host}/app@${old.manifestDigest}\nCOPY f /f\n`)
  assert.equal(await which(), 'old')
  const asked = server.requests.length
  assert.equal(await which(), 'old')
  assert.equal(server.requests.length, asked)
  await assertClean(bench)
})

for (const signal of ['SIGINT', 'SIGKILL'] as const) {
  test(`${signal} while a layer trickles, while nothing comes and while no head comes`, { timeout: 60_000 }, async () => {
    const image = await makeImage({
      files: [
        ['big', randomBytes(400_000)],
        ['other', 'small'],
      ],
    })
    const stalls: readonly Handler[] = [withLayers(image, trickle), withLayers(image, stall), () => undefined]
    for (const handler of stalls) {
      let current = handler
      await using server: TestServer = await startServer((request, response) => current(request, response))
      await using bench = await openBench(`FROM ${server.host}/app:1\nCOPY f /f\n`)
      const child = bench.tsbuild.start(['build', '-o', `type=local,dest=${bench.output}`, bench.directory])
      const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
      const wanted = handler === stalls[2] ? 1 : 4
      while (server.requests.length < wanted) await sleep(20)
      await sleep(200)
      const began = performance.now()
      child.kill(signal)
      assert.equal(await exited, signal === 'SIGINT' ? 130 : null)
      assert.ok(performance.now() - began < 2000)
      if (signal === 'SIGINT') assert.deepEqual(await leftovers(bench.tsbuild.root), [])
      assert.deepEqual(processesOf(bench.tsbuild.root), [])
      current = imageHandler([image])
      const { code, stderr } = await bench.build()
      assert.equal(code, 0, stderr)
      assert.equal(readFileSync(join(bench.output, 'other'), 'utf8'), 'small')
      await assertClean(bench)
    }
  })
}

function trickle(bytes: Buffer, response: ServerResponse): void {
  response.writeHead(200, { 'content-length': bytes.length })
  let at = 0
  const timer = setInterval(() => {
    response.write(bytes.subarray(at, at + 1000))
    at += 1000
  }, 50)
  response.once('close', () => clearInterval(timer))
}

function stall(bytes: Buffer, response: ServerResponse): void {
  response.writeHead(200, { 'content-length': bytes.length })
  response.write(bytes.subarray(0, 100))
}
