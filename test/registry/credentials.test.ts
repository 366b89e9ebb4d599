import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Credential, dockerCredentials } from '../../registry/credentials.ts'
import { withCode } from './support.ts'

const auth = (text: string): string => Buffer.from(text).toString('base64')

async function lookUp(config: unknown, domain: string, helper?: string): Promise<Credential | undefined> {
  const directory = await mkdtemp(join(tmpdir(), 'tsbuild-credentials-'))
  try {
    await writeFile(join(directory, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config))
    if (helper !== undefined) {
      await writeFile(join(directory, 'docker-credential-test'), `#!/bin/sh\n${helper}\n`)
      await chmod(join(directory, 'docker-credential-test'), 0o755)
    }
    return await dockerCredentials({ DOCKER_CONFIG: directory, PATH: `${directory}:${process.env['PATH']}` })(domain)
  } finally {
    await rm(directory, { recursive: true })
  }
}

test('auths are found by host, however their key is spelled', async () => {
  const expected = { kind: 'password', username: 'u', password: 'p:w' }
  for (const key of ['r.example:5000', 'https://r.example:5000', 'http://r.example:5000/v2/']) {
    assert.deepEqual(await lookUp({ auths: { [key]: { auth: auth('u:p:w') } } }, 'r.example:5000'), expected, key)
  }
  assert.deepEqual(await lookUp({ auths: { 'https://index.docker.io/v1/': { auth: auth('u:p:w') } } }, 'docker.io'), expected)
  assert.equal(await lookUp({ auths: { 'r.example:5000': { auth: auth('u:p') } } }, 'r.example'), undefined)
})

test('identity and registry tokens come before the password', async () => {
  const entry = { auth: auth('u:p'), identitytoken: 'refresh' }
  assert.deepEqual(await lookUp({ auths: { r: entry } }, 'r'), { kind: 'identity-token', token: 'refresh' })
  assert.deepEqual(await lookUp({ auths: { r: { ...entry, registrytoken: 'bearer' } } }, 'r'), { kind: 'registry-token', token: 'bearer' })
})

test('no file and an empty file of settings mean no credentials; a broken one is an error', async () => {
  assert.equal(await dockerCredentials({ DOCKER_CONFIG: join(tmpdir(), 'tsbuild-no-such-directory') })('r'), undefined)
  assert.equal(await lookUp({}, 'r'), undefined)
  await assert.rejects(lookUp('{"auths": {"r": {"auth": "c2VjcmV0', 'r'), (error: Error) => {
    return withCode('TSB_REGISTRY_CREDENTIALS')(error) && !JSON.stringify([error.message, error.cause]).includes('c2Vj')
  })
})

test('a helper is asked by the name of the server', async () => {
  const helper = 'read server; echo "{\\"ServerURL\\":\\"$server\\",\\"Username\\":\\"u@$server\\",\\"Secret\\":\\"s\\"}"'
  assert.deepEqual(await lookUp({ credsStore: 'test' }, 'r', helper), { kind: 'password', username: 'u@r', password: 's' })
  assert.deepEqual(await lookUp({ credHelpers: { 'docker.io': 'test' } }, 'docker.io', helper), {
    kind: 'password',
    username: 'u@https://index.docker.io/v1/',
    password: 's',
  })
  assert.deepEqual(await lookUp({ credsStore: 'test' }, 'r', `echo '{"Username":"<token>","Secret":"t"}'`), {
    kind: 'identity-token',
    token: 't',
  })
})

test('a helper that knows nothing gives way to auths; one that fails or is missing is an error', async () => {
  const config = { credsStore: 'test', auths: { r: { auth: auth('u:p') } } }
  assert.deepEqual(await lookUp(config, 'r', 'echo "credentials not found in native keychain"; exit 1'), {
    kind: 'password',
    username: 'u',
    password: 'p',
  })
  await assert.rejects(lookUp(config, 'r', 'exit 3'), withCode('TSB_REGISTRY_CREDENTIALS'))
  await assert.rejects(lookUp(config, 'r', 'echo nonsense'), withCode('TSB_REGISTRY_CREDENTIALS'))
  await assert.rejects(lookUp({ credsStore: 'tsbuild-none' }, 'r'), withCode('TSB_REGISTRY_CREDENTIALS'))
  await assert.rejects(lookUp({ credsStore: '../../bin/sh' }, 'r'), withCode('TSB_REGISTRY_CREDENTIALS'))
})
