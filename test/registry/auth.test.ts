import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TsbError } from '../../core/error.ts'
import { parseReference } from '../../core/reference.ts'
import { parseChallenges } from '../../registry/challenge.ts'
import type { Credential } from '../../registry/credentials.ts'
import { startServer, type TestServer } from '../support/http-server.ts'
import { makeImage, type TestImage } from '../support/images.ts'
import { CALM, imageHandler, pushSource, testClient, withCode } from './support.ts'

const AMD64 = { os: 'linux', architecture: 'amd64' }

interface TokenWorld extends AsyncDisposable {
  readonly registry: TestServer
  readonly tokens: TestServer
}

/** A registry that takes tokens, and the server that gives them (to `u:p`, or to the identity token `refresh`). */
async function tokenWorld(image: TestImage, options: { lifetime?: number; anonymous?: boolean } = {}): Promise<TokenWorld> {
  const serve = imageHandler([image])
  const valid = new Set<string>()
  let issued = 0
  const tokens = await startServer((request, response) => {
    const basic = request.headers.authorization === `Basic ${Buffer.from('u:p').toString('base64')}`
    const oauth = request.method === 'POST' && new URLSearchParams(request.body.toString()).get('refresh_token') === 'refresh'
    if (!basic && !oauth && options.anonymous !== true) return void response.writeHead(401).end()
    issued += 1
    const token = `token-${issued}`
    valid.add(`Bearer ${token}`)
    response.end(JSON.stringify({ [oauth ? 'access_token' : 'token']: token, expires_in: options.lifetime ?? 300 }))
  })
  const registry = await startServer((request, response) => {
    if (request.url === '/expire') {
      valid.clear()
      return void response.end()
    }
    if (valid.has(request.headers.authorization ?? '')) {
      if (request.method === 'HEAD') response.writeHead(200).end()
      else if (request.method === 'PUT') response.writeHead(201).end()
      else serve(request, response)
      return
    }
    const challenge = `Bearer realm="http://${tokens.host}/token?x=1",service="the, service",scope="repository:app:pull"`
    response.writeHead(401, { 'www-authenticate': challenge }).end()
  })
  return {
    registry,
    tokens,
    [Symbol.asyncDispose]: async () => {
      await registry[Symbol.asyncDispose]()
      await tokens[Symbol.asyncDispose]()
    },
  }
}

const PASSWORD = async (): Promise<Credential> => ({ kind: 'password', username: 'u', password: 'p' })

test('a token is fetched once with the scope needed and used for all requests', async () => {
  await using world = await tokenWorld(await makeImage())
  const client = testClient({ credentials: PASSWORD })
  const reference = parseReference(`${world.registry.host}/app:1`)
  await Promise.all([client.resolve(reference, AMD64, CALM), client.resolve(reference, AMD64, CALM)])
  await client.resolve(reference, AMD64, CALM)
  assert.equal(world.tokens.requests.length, 1)
  const asked = new URL(world.tokens.requests[0]?.url ?? '', 'http://x')
  assert.deepEqual([...asked.searchParams].sort(), [
    ['account', 'u'],
    ['scope', 'repository:app:pull'],
    ['service', 'the, service'],
    ['x', '1'],
  ])
})

test('a push asks for push', async () => {
  const image = await makeImage()
  await using world = await tokenWorld(image)
  await testClient({ credentials: PASSWORD }).push(parseReference(`${world.registry.host}/app:1`), pushSource(image), CALM)
  const scopes = world.tokens.requests.map(({ url }) => new URL(url, 'http://x').searchParams.getAll('scope').join())
  assert.deepEqual(scopes, ['repository:app:pull,push'])
})

test('an expired token is renewed before it is sent, a revoked one after it is refused', async () => {
  await using world = await tokenWorld(await makeImage(), { lifetime: 100 })
  let now = 1_000_000
  const client = testClient({ credentials: PASSWORD, effects: { fetch, now: () => now } })
  const reference = parseReference(`${world.registry.host}/app:1`)
  const refused = (): number => world.registry.requests.length
  await client.resolve(reference, AMD64, CALM)
  now += 60_000
  await client.resolve(reference, AMD64, CALM)
  assert.equal(world.tokens.requests.length, 1)
  now += 60_000
  const before = refused()
  await client.resolve(reference, AMD64, CALM)
  assert.equal(world.tokens.requests.length, 2)
  assert.equal(refused() - before, 2, 'manifest and config, no 401 between')
  await fetch(`http://${world.registry.host}/expire`)
  await client.resolve(reference, AMD64, CALM)
  assert.equal(world.tokens.requests.length, 3)
})

test('an identity token goes by POST, a registry token goes as it is', async () => {
  await using world = await tokenWorld(await makeImage())
  const reference = parseReference(`${world.registry.host}/app:1`)
  await testClient({ credentials: async () => ({ kind: 'identity-token', token: 'refresh' }) }).resolve(reference, AMD64, CALM)
  const form = new URLSearchParams(world.tokens.requests[0]?.body.toString())
  assert.equal(world.tokens.requests[0]?.method, 'POST')
  assert.equal(form.get('grant_type'), 'refresh_token')
  assert.equal(form.get('scope'), 'repository:app:pull')
  await testClient({ credentials: async () => ({ kind: 'registry-token', token: 'token-1' }) }).resolve(reference, AMD64, CALM)
  assert.equal(world.tokens.requests.length, 1)
})

test('a public image needs no credentials; a refused login is unauthorized', async () => {
  const image = await makeImage()
  await using open = await tokenWorld(image, { anonymous: true })
  await testClient().resolve(parseReference(`${open.registry.host}/app:1`), AMD64, CALM)
  await using closed = await tokenWorld(image)
  const reference = parseReference(`${closed.registry.host}/app:1`)
  const wrong = async (): Promise<Credential> => ({ kind: 'password', username: 'u', password: 'wrong' })
  for (const client of [testClient(), testClient({ credentials: wrong })]) {
    await assert.rejects(client.resolve(reference, AMD64, CALM), withCode('TSB_REGISTRY_UNAUTHORIZED'))
  }
})

test('credentials that cannot be read matter only when the registry insists', async () => {
  const image = await makeImage()
  const failing = testClient({
    credentials: async () => {
      throw new Error('helper missing')
    },
  })
  await using open = await tokenWorld(image, { anonymous: true })
  await failing.resolve(parseReference(`${open.registry.host}/app:1`), AMD64, CALM)
  await using closed = await tokenWorld(image)
  const refused = failing.resolve(parseReference(`${closed.registry.host}/app:1`), AMD64, CALM)
  await assert.rejects(
    refused,
    (error: Error) => withCode('TSB_REGISTRY_UNAUTHORIZED')(error) && (error.cause as Error).message === 'helper missing',
  )
})

test('several challenges in one header are told apart', () => {
  assert.deepEqual(parseChallenges('Basic realm="a \\"b\\"", Bearer realm="https://x/t",service=reg , scope="r:a:pull,push"'), [
    { scheme: 'basic', parameters: { realm: 'a "b"' } },
    { scheme: 'bearer', parameters: { realm: 'https://x/t', service: 'reg', scope: 'r:a:pull,push' } },
  ])
  assert.deepEqual(parseChallenges(''), [])
})

test('credentials that cannot be read are refused with the file that is at fault', async () => {
  const image = await makeImage()
  await using world = await tokenWorld(image)
  const client = testClient({
    credentials: () =>
      Promise.reject(new TsbError('TSB_REGISTRY_CREDENTIALS', '`config.json` is broken', { fault: 'host', hint: 'repair it' })),
  })
  await assert.rejects(client.resolve(parseReference(`${world.registry.host}/app:1`), AMD64, CALM), (error: TsbError) => {
    assert.equal(error.code, 'TSB_REGISTRY_UNAUTHORIZED')
    assert.match(error.message, /config\.json/)
    assert.equal(error.hint, 'repair it')
    return true
  })
})
