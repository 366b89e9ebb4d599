import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { type SeenRequest, startServer, type TestServer } from '../../support/http-server.ts'
import { leftovers } from '../../support/leftovers.ts'
import { buildSteps } from '../../support/steps.ts'
import { openProject, type Project } from '../project.ts'

const OPTIONS = { timeout: 120_000 }

/** A file that may change, served as well-behaved as `validators` says. */
interface ServedFile {
  content: string
  modified: string
  etag: string
}

function serve(file: ServedFile, heedsConditions: boolean): (request: SeenRequest, response: ServerResponse) => void {
  return ({ headers }, response) => {
    const known = { ...(file.etag === '' ? {} : { ETag: file.etag }), ...(file.modified === '' ? {} : { 'Last-Modified': file.modified }) }
    const same =
      headers['if-none-match'] === undefined ? headers['if-modified-since'] === file.modified : headers['if-none-match'] === file.etag
    if (heedsConditions && same) return void response.writeHead(304, known).end()
    response.writeHead(200, { ...known, 'Content-Length': Buffer.byteLength(file.content) }).end(file.content)
  }
}

const DOCKERFILE = (server: TestServer): string => `FROM busybox\nADD http://${server.host}/f /f\nRUN cat /f > /g\n`

async function ran(project: Project): Promise<readonly string[]> {
  const steps = await buildSteps(project.tsbuild, [project.directory])
  return steps.ran.filter((name) => /ADD|RUN/.test(name)).map((name) => name.replace(/^\[[^\]]*\] /, ''))
}

describe('what was downloaded', () => {
  for (const [name, file] of [
    ['an entity tag', { content: 'one', etag: '"1"', modified: '' }],
    ['a time', { content: 'one', etag: '', modified: 'Wed, 01 Jan 2020 00:00:00 GMT' }],
  ] as const) {
    test(`is asked for again in one request when it has ${name}`, OPTIONS, async () => {
      const served: ServedFile = { ...file }
      await using server = await startServer(serve(served, true))
      await using project = await openProject({})
      project.write({ Dockerfile: DOCKERFILE(server) })
      assert.equal((await ran(project)).length, 2)
      assert.equal(server.requests.length, 1)
      assert.deepEqual(await ran(project), [])
      assert.equal(server.requests.length, 2)
      served.content = 'two'
      served.etag = served.etag === '' ? '' : '"2"'
      served.modified = served.modified === '' ? '' : 'Thu, 02 Jan 2020 00:00:00 GMT'
      assert.equal((await ran(project)).length, 2)
      assert.equal(server.requests.length, 3)
      assert.deepEqual(await leftovers(project.tsbuild.root), [])
    })
  }

  test('is not read again from a server that heeds no conditions but has the same entity tag', OPTIONS, async () => {
    let sent = 0
    await using server = await startServer((_, response) => {
      response.writeHead(200, { ETag: '"big"', 'Content-Length': 64 << 20 })
      const chunk = Buffer.alloc(1 << 20)
      const more = (): void => {
        for (let wants = true; wants && sent < 64 << 20 && !response.destroyed; ) {
          wants = response.write(chunk)
          sent += chunk.byteLength
        }
        if (sent >= 64 << 20) response.end()
      }
      response.on('drain', more)
      more()
    })
    await using project = await openProject({})
    project.write({ Dockerfile: `FROM scratch\nADD http://${server.host}/f /f\n` })
    await ran(project)
    assert.equal(sent, 64 << 20)
    sent = 0
    assert.deepEqual(await ran(project), [])
    assert.ok(sent < 32 << 20, `${sent} bytes were sent`)
  })

  test('is not asked for at all when its checksum is given, and taken over by other names of the content', OPTIONS, async () => {
    await using server = await startServer(serve({ content: 'sum', etag: '"1"', modified: '' }, true))
    await using project = await openProject({})
    const digest = createHash('sha256').update('sum').digest('hex')
    project.write({ Dockerfile: `FROM busybox\nADD --checksum=sha256:${digest} http://${server.host}/f /f\nRUN cat /f\n` })
    await ran(project)
    assert.deepEqual(await ran(project), [])
    assert.equal(server.requests.length, 1)
  })

  test('re-runs nothing when only its time has changed', OPTIONS, async () => {
    const served: ServedFile = { content: 'same', etag: '', modified: 'Wed, 01 Jan 2020 00:00:00 GMT' }
    await using server = await startServer(serve(served, true))
    await using project = await openProject({})
    project.write({ Dockerfile: DOCKERFILE(server) })
    await ran(project)
    served.modified = 'Thu, 02 Jan 2020 00:00:00 GMT'
    assert.deepEqual(await ran(project), [])
    project.write({ Dockerfile: `FROM scratch\nADD http://${server.host}/f /elsewhere\n` })
    await project.tsbuild.must(['build', '-o', `${project.directory}/out`, project.directory])
    assert.equal(statSync(join(project.directory, 'out/elsewhere')).mtimeMs, Date.parse(served.modified))
  })
})

describe('a URL', () => {
  test('leads over redirects, and the name is its own', OPTIONS, async () => {
    await using server = await startServer(({ url }, response) => {
      if (url === '/here') return void response.writeHead(302, { Location: '/there' }).end()
      response.end(url)
    })
    await using project = await openProject({})
    project.write({ Dockerfile: `FROM scratch\nADD http://${server.host}/here /\n` })
    await project.tsbuild.must(['build', '-o', `${project.directory}/out`, project.directory])
    assert.equal(readFileSync(join(project.directory, 'out/here'), 'utf8'), '/there')
  })

  test('has its credentials sent, and shown nowhere', OPTIONS, async () => {
    await using server = await startServer(({ headers }, response) => {
      const expected = `Basic ${Buffer.from('user:p@ss').toString('base64')}`
      response.writeHead(headers.authorization === expected ? 200 : 401).end('secret')
    })
    await using project = await openProject({})
    project.write({ Dockerfile: `FROM scratch\nADD http://user:p%40ss@${server.host}/f /f\n` })
    const { code, stdout, stderr } = await project.tsbuild.run(['build', '--progress=plain', project.directory])
    assert.equal(code, 0, stderr)
    assert.doesNotMatch(stdout + stderr, /p%40ss|p@ss/)
    const refused = await project.tsbuild.run(['build', '--no-cache', '--progress=plain', project.directory, '--build-arg', 'x=1'])
    assert.doesNotMatch(refused.stdout + refused.stderr, /p%40ss|p@ss/)
  })

  test('gets the secrets of its host, and a redirect to another gets none', OPTIONS, async () => {
    await using other = await startServer((_, response) => response.end('other'))
    await using server = await startServer((_, response) => response.writeHead(302, { Location: `http://${other.host}/` }).end())
    await using project = await openProject({})
    project.write({ Dockerfile: `FROM scratch\nADD http://${server.host}/f /f\n`, token: 'abc' })
    await project.tsbuild.must(['build', '--secret', `id=HTTP_AUTH_TOKEN_${server.host},src=${project.directory}/token`, project.directory])
    assert.equal(server.requests[0]?.headers.authorization, 'Bearer abc')
    assert.equal(other.requests[0]?.headers.authorization, undefined)
  })

  test('is fetched once, however many instructions want it', OPTIONS, async () => {
    await using server = await startServer((_, response) => response.end('once'))
    await using project = await openProject({})
    const add = `ADD http://${server.host}/f`
    project.write({ Dockerfile: `FROM scratch AS one\n${add} /a\nFROM scratch\n${add} /b\n${add} /c\nCOPY --from=one /a /\n` })
    await project.tsbuild.must(['build', project.directory])
    assert.equal(server.requests.length, 1)
  })
})

interface BadCase {
  readonly name: string
  readonly handler: (request: SeenRequest, response: ServerResponse) => void
  readonly flags?: string
  readonly code: string
  readonly exit: number
  /** How often it may be tried. */
  readonly requests?: number
}

const BAD: readonly BadCase[] = [
  { name: 'is not found', handler: (_, response) => response.writeHead(404).end('no'), code: 'TSB_HTTP_STATUS', exit: 4, requests: 1 },
  { name: 'is forbidden', handler: (_, response) => response.writeHead(403).end('no'), code: 'TSB_HTTP_STATUS', exit: 4, requests: 1 },
  { name: 'is in trouble', handler: (_, response) => response.writeHead(503).end('no'), code: 'TSB_HTTP_STATUS', exit: 4, requests: 3 },
  {
    name: 'redirects for ever',
    handler: (_, response) => response.writeHead(302, { Location: '/f' }).end(),
    code: 'TSB_HTTP_UNREACHABLE',
    exit: 4,
  },
  {
    name: 'breaks off',
    handler: (_, response) => {
      response.writeHead(200, { 'Content-Length': 1000 }).write('some')
      setTimeout(() => response.destroy(), 100)
    },
    code: 'TSB_HTTP_UNREACHABLE',
    exit: 4,
  },
  {
    name: 'is another file than its checksum says',
    handler: (_, response) => response.end('other'),
    flags: `--checksum=sha256:${'0'.repeat(64)} `,
    code: 'TSB_HTTP_CHECKSUM',
    exit: 1,
    requests: 1,
  },
]

describe('a download that', () => {
  for (const { name, handler, flags = '', code, exit, requests } of BAD) {
    test(`${name} is a named error that leaves nothing`, OPTIONS, async () => {
      await using server = await startServer(handler)
      await using project = await openProject({})
      const { tsbuild, directory } = project
      await tsbuild.must(['images'])
      const layers = readdirSync(join(tsbuild.root, 'layers'))
      project.write({ Dockerfile: `FROM scratch\nADD ${flags}http://${server.host}/f /f\n` })
      const ended = await tsbuild.run(['build', directory])
      assert.deepEqual([ended.code, /\[(TSB_\w+)\]/.exec(ended.stderr)?.[1]], [exit, code], ended.stderr)
      assert.match(ended.stderr, /Dockerfile:2/)
      assert.match(ended.stderr, /^hint: /m)
      if (requests !== undefined) assert.equal(server.requests.length, requests)
      assert.deepEqual(readdirSync(join(tsbuild.root, 'layers')), layers)
      assert.deepEqual(await leftovers(tsbuild.root), [])
    })
  }

  test('is interrupted leaves nothing', OPTIONS, async () => {
    let asked: () => void = () => {}
    const begun = new Promise<void>((resolve) => {
      asked = resolve
    })
    await using server = await startServer((_, response) => {
      response.writeHead(200, { 'Content-Length': 1 << 20 }).write('some')
      asked()
    })
    await using project = await openProject({})
    const { tsbuild, directory } = project
    project.write({ Dockerfile: `FROM scratch\nADD http://${server.host}/f /f\n` })
    const child = tsbuild.start(['build', directory])
    const ended = new Promise<number | null>((resolve) => child.on('exit', resolve))
    await begun
    child.kill('SIGINT')
    assert.equal(await ended, 130)
    assert.deepEqual(await leftovers(tsbuild.root), [])
    assert.ok(!existsSync(join(directory, 'out')))
  })
})
