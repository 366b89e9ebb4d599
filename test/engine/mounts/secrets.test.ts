import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openSecrets, parseSecret } from '../../../engine/mounts/secrets.ts'

const GOOD: readonly (readonly [text: string, source: object])[] = [
  ['id=a', { id: 'a' }],
  ['id=a,src=f', { id: 'a', file: 'f' }],
  ['ID=a,Source=f,type=file', { id: 'a', file: 'f' }],
  ['id=a,env=V', { id: 'a', env: 'V' }],
  ['type=env,id=a,src=V', { id: 'a', env: 'V' }],
  ['type=env,id=a', { id: 'a' }],
  ['id=a,src=f,env=V', { id: 'a', file: 'f', env: 'V' }],
  ['id=a,"src=x,y"', { id: 'a', file: 'x,y' }],
  ['id=a,src=k=v', { id: 'a', file: 'k=v' }],
]
for (const [text, source] of GOOD) test(`--secret ${text}`, () => assert.deepEqual(parseSecret(text), source))

for (const text of ['', 'a', 'src=f', 'id=', 'id=a,type=x', 'id=a,target=/x', 'id=a,"src', 'id=a,src'])
  test(`--secret ${text} is refused`, () => assert.throws(() => parseSecret(text), { code: 'TSB_USAGE_SECRET' }))

test('where a value comes from', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tsbuild-secrets-'))
  try {
    const file = join(folder, 'file')
    writeFileSync(file, Buffer.of(0, 255))
    const read = async (source: Parameters<typeof openSecrets>[0][number]): Promise<string | undefined> => {
      const value = await openSecrets([source], { V: 'value', [file]: 'named so' }).read('a')
      return value === undefined ? undefined : Buffer.from(value).toString('latin1')
    }
    assert.equal(await read({ id: 'a', file }), '\0\xff')
    assert.equal(await read({ id: 'a', env: 'V' }), 'value')
    assert.equal(await read({ id: 'a', env: 'UNSET' }), '')
    assert.equal(await read({ id: 'a', env: 'V', file }), 'value')
    const bare = openSecrets([{ id: 'V' }], { V: 'value' })
    assert.equal(Buffer.from((await bare.read('V')) ?? []).toString(), 'value')
    assert.equal(await bare.read('other'), undefined)
    const named = openSecrets([{ id: file }], {})
    assert.equal((await named.read(file))?.length, 2)
    for (const wrong of [join(folder, 'nope'), folder]) {
      assert.throws(() => openSecrets([{ id: 'a', file: wrong }], {}), { code: 'TSB_SECRET_UNREADABLE' })
    }
    writeFileSync(file, Buffer.alloc(512_000))
    assert.ok(openSecrets([{ id: 'a', file }], {}))
    writeFileSync(file, Buffer.alloc(512_001))
    assert.throws(() => openSecrets([{ id: 'a', file }], {}), { code: 'TSB_SECRET_TOO_BIG' })
  } finally {
    rmSync(folder, { recursive: true })
  }
})
