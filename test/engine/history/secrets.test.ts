import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { openProject } from '../project.ts'

const TOKEN = 'tok-7f3a9c51d2e84b60'
const PEM = '-----BEGIN KEY-----\nMIIEowIBAAKCAQEAq1Zx\nQmFzZTY0TGluZVR3bw00\n-----END KEY-----\n'

test('a secret that a step prints is in no log, and nowhere in the store', { timeout: 60_000 }, async () => {
  const Dockerfile = `FROM busybox
RUN --mount=type=secret,id=token,env=TOKEN --mount=type=secret,id=pem,target=/pem \\
    echo "plain $TOKEN"; echo "$TOKEN" | base64; cat /pem >&2; echo "[\${TOKEN%0}]"; printf "x%s" "$TOKEN"
RUN --mount=type=secret,id=token cat /run/secrets/token; exit 4
`
  await using project = await openProject({ Dockerfile, pem: PEM })
  const { tsbuild, directory } = project
  const flags = ['--secret', 'id=token,env=TOKEN', '--secret', `id=pem,src=${join(directory, 'pem')}`]
  for (const mode of ['plain', 'rawjson']) {
    const { stdout, stderr, code } = await tsbuild.run(['--no-cache', '--progress', mode, ...flags, directory], { env: { TOKEN } })
    assert.equal(code, 1)
    const text = mode === 'plain' ? stderr : stderr + logsOf(stderr)
    assert.deepEqual(found(stdout + text), [], mode)
    assert.match(text, /plain \*\*\*/)
    assert.match(text, /x\*\*\*/)
    assert.ok(text.includes('[tok-7f3a9c51d2e84b6]'), 'a part of it is no longer it: the mask is no magic')
  }
  assert.deepEqual(found(await tsbuild.must(['history', 'logs'])), [])
  assert.deepEqual(filesWith(tsbuild.root), [])
})

test('build arguments, proxies and passwords in URLs are in no history, name, record or message', { timeout: 60_000 }, async () => {
  const Dockerfile = `FROM busybox
ARG SECRET_ARG
ARG DERIVED=x-$SECRET_ARG
RUN echo $SECRET_ARG $DERIVED | wc -c
WORKDIR /w
COPY f /w/$SECRET_ARG
RUN test -n "$SECRET_ARG" -a -n "$HTTP_PROXY"; exit 5
`
  await using project = await openProject({ Dockerfile, f: 'f' })
  const { tsbuild, directory } = project
  const flags = ['--build-arg', `SECRET_ARG=${TOKEN}`, '--build-arg', `HTTP_PROXY=http://me:${TOKEN}@proxy.invalid`]
  const { code, stdout, stderr } = await tsbuild.run(['--progress', 'plain', ...flags, directory])
  assert.equal(code, 1)
  assert.deepEqual(found(stdout + stderr), [])
  assert.match(stderr, /RUN echo \$\{SECRET_ARG\} \$\{DERIVED\} \| wc -c/)
  const clone = await tsbuild.run(['-q', `http://me:${TOKEN}@127.0.0.1:9/x.git?token=${TOKEN}`])
  assert.notEqual(clone.code, 0)
  assert.deepEqual(found(clone.stderr), [])
  for (const word of ['^0', '^1']) {
    const shown = await tsbuild.must(['history', 'inspect', word, '--format', 'json'])
    assert.deepEqual(found(shown + (await tsbuild.must(['history', 'logs', word]))), [])
  }
  // A path that is made of an argument is what the step does, so its key says it.
  const tables = rows(tsbuild.root).filter((row) => !row.includes('destination'))
  assert.ok(tables.length > 5)
  assert.deepEqual(
    tables.filter((row) => found(row).length > 0),
    [],
  )
})

/** Which of the values, or lines of them, stand in a text: plain or in base64. */
function found(text: string): readonly string[] {
  const values = [TOKEN, ...PEM.split('\n').slice(1, 3)]
  const forms = values.flatMap((value) => [value, Buffer.from(value).toString('base64').slice(0, 16)])
  return forms.filter((form) => text.includes(form))
}

function logsOf(rawjson: string): string {
  const lines = rawjson.split('\n').filter((line) => line.startsWith('{"logs"'))
  return lines.map((line) => Buffer.from(JSON.parse(line).logs[0].data, 'base64').toString()).join('')
}

/** Every file below the store that has one of the values: database and its log, records, history, layers. */
function filesWith(root: string): readonly string[] {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return files
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => {
      const bytes = readFileSync(path)
      return found((path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('latin1')).length > 0
    })
}

/** All rows of the database but for the configs of images, which have build arguments in their history as docker's have. */
function rows(root: string): readonly string[] {
  const Database = createRequire(import.meta.url)('better-sqlite3')
  const database = new Database(join(root, 'tsbuild.db'))
  try {
    const names: readonly string[] = database
      .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'images'")
      .pluck()
      .all()
    return names.flatMap((name) => (database.prepare(`SELECT * FROM ${name}`).all() as object[]).map((row) => JSON.stringify(row)))
  } finally {
    database.close()
  }
}
