import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseReference } from '../../core/reference.ts'
import { collect, digestOf, makeImage } from '../support/images.ts'
import { registryMissing, startRegistry, TEST_ACCOUNT } from '../support/registry.ts'
import { CALM, pushSource, testClient, withCode } from './support.ts'

const AMD64 = { os: 'linux', architecture: 'amd64' }
const skip = registryMissing()

test('pushes to a real registry and pulls the same back', { skip }, async () => {
  await using registry = await startRegistry()
  const client = testClient()
  // larger than one chunk of anything, and an empty one's neighbour
  const image = await makeImage({
    files: [
      ['big', 'x'.repeat(3_000_000)],
      ['small', ''],
      ['big', 'x'.repeat(3_000_000)],
    ],
  })
  const reference = parseReference(`${registry.host}/team/app:v1`)
  assert.equal(await client.push(reference, pushSource(image), CALM), image.manifestDigest)

  const remote = await client.resolve(reference, AMD64, CALM)
  assert.equal(remote.target, image.manifestDigest)
  assert.deepEqual(Buffer.from(remote.manifestBytes), image.manifestBytes)
  assert.deepEqual(remote.config, image.config)
  for (const descriptor of [...remote.manifest.layers, remote.manifest.config]) {
    assert.equal(digestOf(await collect(client.blob(reference, descriptor, CALM))), descriptor.digest)
  }
  const byDigest = parseReference(`${registry.host}/team/app@${image.manifestDigest}`)
  assert.equal((await client.resolve(byDigest, AMD64, CALM)).manifestDigest, image.manifestDigest)
})

test('a second push sends no blob again, and a mount takes it from another repository', { skip }, async () => {
  await using registry = await startRegistry()
  const image = await makeImage()
  const opened: string[] = []
  const source = pushSource(image)
  const counting = {
    ...source,
    open(descriptor: Parameters<typeof source.open>[0]) {
      opened.push(descriptor.digest)
      return source.open(descriptor)
    },
  }
  await testClient().push(parseReference(`${registry.host}/one:1`), counting, CALM)
  assert.equal(opened.length, 2)
  await testClient().push(parseReference(`${registry.host}/one:2`), counting, CALM)
  assert.equal(opened.length, 2)
  await testClient().push(parseReference(`${registry.host}/two:1`), { ...counting, mountFrom: () => 'one' }, CALM)
  assert.equal(opened.length, 2)
  assert.equal((await testClient().resolve(parseReference(`${registry.host}/two:1`), AMD64, CALM)).manifestDigest, image.manifestDigest)
})

test('an unknown tag and an unknown repository are not found', { skip }, async () => {
  await using registry = await startRegistry()
  await testClient().push(parseReference(`${registry.host}/app:1`), pushSource(await makeImage()), CALM)
  for (const name of ['app:2', 'other:1']) {
    await assert.rejects(testClient().resolve(parseReference(`${registry.host}/${name}`), AMD64, CALM), withCode('TSB_REGISTRY_NOT_FOUND'))
  }
})

test('a registry with accounts takes the right password only', { skip }, async () => {
  await using registry = await startRegistry({ auth: true })
  const reference = parseReference(`${registry.host}/app:1`)
  const image = await makeImage()
  const good = testClient({ credentials: async () => ({ kind: 'password', ...TEST_ACCOUNT }) })
  await good.push(reference, pushSource(image), CALM)
  assert.equal((await good.resolve(reference, AMD64, CALM)).target, image.manifestDigest)
  const wrong = testClient({ credentials: async () => ({ kind: 'password', username: TEST_ACCOUNT.username, password: 'wrong' }) })
  for (const client of [wrong, testClient()]) {
    await assert.rejects(client.resolve(reference, AMD64, CALM), withCode('TSB_REGISTRY_UNAUTHORIZED'))
    await assert.rejects(client.push(reference, pushSource(image), CALM), withCode('TSB_REGISTRY_UNAUTHORIZED'))
  }
})

test('a source that gives other bytes than it says is refused by the registry', { skip }, async () => {
  await using registry = await startRegistry()
  const image = await makeImage({
    files: [
      ['a', 'one'],
      ['b', 'two'],
    ],
  })
  const source = {
    ...pushSource(image),
    async *open(descriptor: { size: number }) {
      yield Buffer.alloc(descriptor.size, 7)
    },
  }
  await assert.rejects(testClient().push(parseReference(`${registry.host}/app:1`), source, CALM), withCode('TSB_REGISTRY_ANSWER'))
  await assert.rejects(testClient().resolve(parseReference(`${registry.host}/app:1`), AMD64, CALM), withCode('TSB_REGISTRY_NOT_FOUND'))
})

test('a source that fails fails the push with its own error', { skip }, async () => {
  await using registry = await startRegistry()
  const source = {
    ...pushSource(await makeImage()),
    async *open() {
      yield Buffer.alloc(1)
      throw Object.assign(new Error('disk gone'), { code: 'EIO' })
    },
  }
  await assert.rejects(testClient().push(parseReference(`${registry.host}/app:1`), source, CALM), withCode('EIO'))
})

test('nothing listening is unreachable, an abort is an interruption', async () => {
  await assert.rejects(testClient().resolve(parseReference('127.0.0.1:1/app:1'), AMD64, CALM), withCode('TSB_REGISTRY_UNREACHABLE'))
  await assert.rejects(testClient().resolve(parseReference('127.0.0.1:1/app:1'), AMD64, AbortSignal.abort()), withCode('TSB_INTERRUPTED'))
})
