import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { proxyFor } from '../../../engine/host/proxy-rules.ts'
import { effectsFor } from '../../../engine/host.ts'
import { startServer } from '../../support/http-server.ts'
import { openProject } from '../project.ts'

const PROXY = 'http://proxy:3128'

describe('the proxy of a URL', () => {
  const cases: readonly (readonly [env: Readonly<Record<string, string>>, url: string, proxied: boolean])[] = [
    [{ HTTP_PROXY: PROXY }, 'http://example.com/', true],
    [{ http_proxy: 'proxy:3128' }, 'http://example.com/', true],
    [{ HTTP_PROXY: PROXY }, 'https://example.com/', false],
    [{ HTTPS_PROXY: PROXY }, 'https://example.com/', true],
    [{ HTTP_PROXY: PROXY }, 'http://127.0.0.1:8080/', false],
    [{ HTTP_PROXY: PROXY }, 'http://[::1]/', false],
    [{ HTTP_PROXY: PROXY }, 'http://localhost/', false],
    [{ HTTP_PROXY: PROXY, NO_PROXY: '*' }, 'http://example.com/', false],
    [{ HTTP_PROXY: PROXY, NO_PROXY: 'other, example.com' }, 'http://sub.example.com/', false],
    [{ HTTP_PROXY: PROXY, no_proxy: 'example.com' }, 'http://notexample.com/', true],
    [{ HTTP_PROXY: PROXY, NO_PROXY: '.example.com' }, 'http://example.com/', true],
    [{ HTTP_PROXY: PROXY, NO_PROXY: '.example.com' }, 'http://a.b.example.com/', false],
    [{ HTTP_PROXY: PROXY, NO_PROXY: 'example.com:8080' }, 'http://example.com/', true],
    [{ HTTP_PROXY: PROXY, NO_PROXY: 'example.com:80' }, 'http://example.com/', false],
    [{ HTTP_PROXY: PROXY, NO_PROXY: '10.0.0.0/8' }, 'http://10.1.2.3/', false],
    [{ HTTP_PROXY: PROXY, NO_PROXY: '10.0.0.0/8' }, 'http://11.1.2.3/', true],
    [{ HTTP_PROXY: PROXY, NO_PROXY: 'fd00::/8' }, 'http://[fd12::1]/', false],
    [{ HTTP_PROXY: PROXY, NO_PROXY: '[fd12::1]:80,fd12::2' }, 'http://[fd12::2]/', false],
  ]
  for (const [env, url, proxied] of cases) {
    test(`${url} with ${JSON.stringify(env)}`, () => {
      assert.equal(proxyFor(env, new URL(url))?.host, proxied ? 'proxy:3128' : undefined)
    })
  }
})

test('a build downloads through the proxy', { timeout: 60_000 }, async () => {
  await using proxy = await startServer(({ url }, response) => {
    if (url.endsWith('/moved')) return void response.writeHead(302, { Location: 'http://other.example/packed' }).end()
    response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(gzipSync('through'))
  })
  await using project = await openProject({ Dockerfile: 'FROM scratch\nADD http://files.example:81/moved /f\n' })
  const env = { HTTP_PROXY: `http://user:word@${proxy.host}` }
  await project.tsbuild.must(['build', '-o', `${project.directory}/out`, project.directory], { env })
  assert.equal(readFileSync(join(project.directory, 'out/f'), 'utf8'), 'through')
  assert.deepEqual(
    proxy.requests.map(({ url, headers }) => [url, headers.host, headers['proxy-authorization']]),
    [
      ['http://files.example:81/moved', 'files.example:81', `Basic ${Buffer.from('user:word').toString('base64')}`],
      ['http://other.example/packed', 'other.example', `Basic ${Buffer.from('user:word').toString('base64')}`],
    ],
  )
})

test('what is encrypted goes through a tunnel', { timeout: 60_000 }, async () => {
  const asked: string[] = []
  let first = -1
  const proxy = createServer()
  proxy.on('connect', ({ url }, socket) => {
    asked.push(url ?? '')
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
    socket.once('data', (data: Buffer) => {
      first = data[0] ?? -1
      socket.destroy()
    })
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const address = proxy.address()
  const port = typeof address === 'object' ? address?.port : 0
  try {
    const effects = effectsFor({ HTTPS_PROXY: `127.0.0.1:${port}` })
    await assert.rejects(effects.fetch('https://secure.example/f', { redirect: 'manual' }))
    assert.deepEqual(asked, ['secure.example:443'])
    assert.equal(first, 0x16, 'a TLS handshake')
  } finally {
    proxy.close()
  }
})

test('a proxy that is not there or refuses is named', { timeout: 60_000 }, async () => {
  const effects = effectsFor({ HTTP_PROXY: 'http://127.0.0.1:1', HTTPS_PROXY: 'http://127.0.0.1:1' })
  await assert.rejects(effects.fetch('http://files.example/'), /127\.0\.0\.1:1.*ECONNREFUSED/)
  await assert.rejects(effects.fetch('https://files.example/'), /127\.0\.0\.1:1.*ECONNREFUSED/)
})
