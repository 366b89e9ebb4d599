import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseReference } from '../../core/reference.ts'
import { startServer } from '../support/http-server.ts'
import { collect, digestOf, makeImage } from '../support/images.ts'
import { CALM, imageHandler, pushSource, seen, testClient, withCode } from './support.ts'

const AMD64 = { os: 'linux', architecture: 'amd64' }

test('429 and 503 are tried again after as long as the registry asks', async () => {
  const image = await makeImage()
  const serve = imageHandler([image])
  let refusals = 0
  await using server = await startServer((request, response) => {
    if (request.url === '/v2/app/manifests/1' && refusals < 2) {
      refusals += 1
      response.writeHead(refusals === 1 ? 429 : 503, { 'retry-after': '0' }).end()
    } else serve(request, response)
  })
  const remote = await testClient().resolve(parseReference(`${server.host}/app:1`), AMD64, CALM)
  assert.equal(remote.target, image.manifestDigest)
  assert.equal(refusals, 2)
})

test('a lasting 500 is an answer error that quotes the registry on one line', async () => {
  await using server = await startServer((_request, response) => {
    response.writeHead(500, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ errors: [{ code: 'UNKNOWN', message: 'out of\n\u001b[31mdisk' }] }))
  })
  const failing = testClient().resolve(parseReference(`${server.host}/app:1`), AMD64, CALM)
  await assert.rejects(
    failing,
    (error: Error) => withCode('TSB_REGISTRY_ANSWER')(error) && /UNKNOWN \(out of \[31mdisk\)$/.test(error.message),
  )
  assert.equal(seen(server.requests).filter((line) => line.includes('manifests')).length, 4)
})

test('a blob whose connection breaks is resumed where it broke', async () => {
  const image = await makeImage({ files: [['big', randomText(400_000)]] })
  const layer = image.manifest.layers[0]
  assert.ok(layer)
  const bytes = image.blobs.get(layer.digest)
  assert.ok(bytes)
  const ranges: string[] = []
  await using server = await startServer((request, response) => {
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
    if (request.url.includes('/blobs/')) ranges.push(request.headers.range ?? 'all')
    const status = from > 0 ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': bytes.length - from, ...status })
    if (bytes.length - from < 100_000) response.end(bytes.subarray(from))
    else response.write(bytes.subarray(from, from + 100_000), () => setTimeout(() => response.destroy(), 20))
  })
  const read = await collect(testClient().blob(parseReference(`${server.host}/app:1`), layer, CALM))
  assert.equal(digestOf(read), layer.digest)
  assert.equal(ranges[0], 'all')
  assert.ok(ranges.length >= 3 && ranges.slice(1).every((range) => /^bytes=[1-9]\d*-$/.test(range)), ranges.join())
})

test('a blob that the registry lost is named, and the spelling of the image is not blamed', async () => {
  const image = await makeImage()
  const layer = image.manifest.layers[0]
  assert.ok(layer)
  await using server = await startServer((request, response) => {
    response.writeHead(request.url.includes('/blobs/') ? 404 : 200).end()
  })
  await assert.rejects(collect(testClient().blob(parseReference(`${server.host}/app:1`), layer, CALM)), (error: Error) => {
    return withCode('TSB_REGISTRY_NOT_FOUND')(error) && error.message.includes(layer.digest)
  })
})

test('a registry that knows no ranges sends all again, and it still comes out right', async () => {
  const image = await makeImage({ files: [['big', randomText(300_000)]] })
  const layer = image.manifest.layers[0]
  assert.ok(layer)
  const bytes = image.blobs.get(layer.digest)
  assert.ok(bytes)
  let sent = 0
  await using server = await startServer((request, response) => {
    if (!request.url.includes('/blobs/')) return void response.writeHead(200).end()
    sent += 1
    response.writeHead(200, { 'content-length': bytes.length })
    if (sent > 1) response.end(bytes)
    else response.write(bytes.subarray(0, 70_000), () => setTimeout(() => response.destroy(), 20))
  })
  assert.equal(digestOf(await collect(testClient().blob(parseReference(`${server.host}/app:1`), layer, CALM))), layer.digest)
  assert.equal(sent, 2)
})

test('other bytes, too many and too few are digest errors, and the last chunk is held back', async () => {
  const image = await makeImage()
  const layer = image.manifest.layers[0]
  assert.ok(layer)
  const good = image.blobs.get(layer.digest)
  assert.ok(good)
  const flipped = Buffer.from(good)
  flipped[20] = (flipped[20] ?? 0) ^ 1
  for (const body of [flipped, Buffer.concat([good, Buffer.from('more')]), good.subarray(0, 30)]) {
    await using server = await startServer((_request, response) => {
      // without length: a short body looks whole to HTTP
      response.writeHead(200).write(body)
      response.end()
    })
    let received = 0
    const reading = async (): Promise<void> => {
      for await (const chunk of testClient().blob(parseReference(`${server.host}/app:1`), layer, CALM)) received += chunk.length
    }
    await assert.rejects(reading(), withCode('TSB_REGISTRY_DIGEST'))
    assert.equal(received, 0)
  }
})

test('a manifest that does not match its digest or its header is a digest error', async () => {
  const image = await makeImage()
  await using server = await startServer((request, response) => {
    if (!request.url.includes('/manifests/')) return void response.writeHead(404).end()
    const lie = request.url.endsWith('/1') ? { 'docker-content-digest': digestOf('something else') } : {}
    response.writeHead(200, { 'content-type': image.manifest.mediaType, ...lie }).end(image.manifestBytes)
  })
  for (const name of ['app:1', `app@${digestOf('another')}`]) {
    await assert.rejects(testClient().resolve(parseReference(`${server.host}/${name}`), AMD64, CALM), withCode('TSB_REGISTRY_DIGEST'))
  }
})

test('redirects are followed, but Authorization stays with the first host', async () => {
  const image = await makeImage()
  const serve = imageHandler([image])
  await using cdn = await startServer(serve)
  await using server = await startServer((request, response) => {
    if (request.headers.authorization !== 'Basic dTpw') return void response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end()
    if (request.url.includes('/blobs/')) response.writeHead(307, { location: `http://${cdn.host}${request.url}` }).end()
    else serve(request, response)
  })
  const client = testClient({ credentials: async () => ({ kind: 'password', username: 'u', password: 'p' }) })
  const remote = await client.resolve(parseReference(`${server.host}/app:1`), AMD64, CALM)
  assert.deepEqual(remote.config, image.config)
  assert.equal(cdn.requests.length, 1)
  assert.equal(cdn.requests[0]?.headers.authorization, undefined)
})

test('a host that a redirect leads to gets no credentials by asking for them', async () => {
  await using thief = await startServer(
    (_request, response) => void response.writeHead(401, { 'www-authenticate': 'Basic realm="give"' }).end(),
  )
  await using server = await startServer(
    (request, response) => void response.writeHead(302, { location: `http://${thief.host}${request.url}` }).end(),
  )
  const client = testClient({ credentials: async () => ({ kind: 'password', username: 'u', password: 'p' }) })
  await assert.rejects(client.resolve(parseReference(`${server.host}/app:1`), AMD64, CALM), withCode('TSB_REGISTRY_UNAUTHORIZED'))
  assert.ok(thief.requests.length > 0)
  assert.ok(thief.requests.every(({ headers }) => headers.authorization === undefined))
})

test('an upload location at another host gets no Authorization', async () => {
  const image = await makeImage()
  await using storage = await startServer((_request, response) => void response.writeHead(201).end())
  await using server = await startServer((request, response) => {
    if (request.headers.authorization === undefined) response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end()
    else if (request.method === 'HEAD') response.writeHead(404).end()
    else if (request.method === 'POST') response.writeHead(202, { location: `http://${storage.host}/up?state=a%2Fb` }).end()
    else response.writeHead(201).end()
  })
  const client = testClient({ credentials: async () => ({ kind: 'password', username: 'u', password: 'p' }) })
  await client.push(parseReference(`${server.host}/app:1`), pushSource(image), CALM)
  assert.equal(storage.requests.length, 2)
  for (const { headers, url, body } of storage.requests) {
    assert.equal(headers.authorization, undefined)
    assert.equal(headers['content-length'], String(body.length))
    assert.equal(url, `/up?state=a%2Fb&digest=${encodeURIComponent(digestOf(body))}`)
  }
})

test('no more downloads at once than the limit', async () => {
  const image = await makeImage({ files: Array.from({ length: 9 }, (_, index) => [`f${index}`, `${index}`] as const) })
  const serve = imageHandler([image])
  let open = 0
  let most = 0
  await using server = await startServer((request, response) => {
    if (!request.url.includes('/blobs/')) return serve(request, response)
    open += 1
    most = Math.max(most, open)
    setTimeout(() => {
      open -= 1
      serve(request, response)
    }, 30)
  })
  const client = testClient({ concurrency: 3 })
  const reference = parseReference(`${server.host}/app:1`)
  await Promise.all(image.manifest.layers.map((layer) => collect(client.blob(reference, layer, CALM))))
  assert.equal(most, 3)
})

test('a reader that leaves early frees its place', async () => {
  const image = await makeImage({ files: [['big', randomText(500_000)]] })
  await using server = await startServer(imageHandler([image]))
  const client = testClient({ concurrency: 1 })
  const layer = image.manifest.layers[0]
  assert.ok(layer)
  for (let round = 0; round < 3; round += 1) {
    for await (const chunk of client.blob(parseReference(`${server.host}/app:1`), layer, CALM)) {
      assert.ok(chunk.length > 0)
      break
    }
  }
  assert.equal(digestOf(await collect(client.blob(parseReference(`${server.host}/app:1`), layer, CALM))), layer.digest)
})

function randomText(length: number): string {
  let state = 1
  let text = ''
  while (text.length < length) {
    state = (state * 48271) % 2147483647
    text += state.toString(36)
  }
  return text.slice(0, length)
}
