import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { hideCredentials, splitCredentials } from '../../../core/url.ts'
import { startServer } from '../../support/http-server.ts'
import { mustRun } from '../../support/process.ts'
import { stop } from '../../support/running.ts'
import { startWebServer } from '../../support/web-server.ts'
import { openProject, type Project } from '../project.ts'

/** Builds, and reads a file of what came of it. */
async function built({ tsbuild, directory }: Project, path: string): Promise<string> {
  await tsbuild.must(['build', '-q', '-o', `type=local,dest=${join(directory, 'out')}`, directory])
  return readFileSync(join(directory, 'out', path), 'utf8')
}

describe('what comes from elsewhere', () => {
  test('a time says nothing of whether a file has changed', async () => {
    const file = { content: 'first', modified: 1_000_000_000 }
    await using server = await startServer(({ headers }, response) => {
      const since = Date.parse(headers['if-modified-since'] ?? '') / 1000
      response.setHeader('last-modified', new Date(file.modified * 1000).toUTCString())
      if (file.modified <= since) return void response.writeHead(304).end()
      response.end(file.content)
    })
    await using project = await openProject({ Dockerfile: `FROM scratch\nADD http://${server.host}/f /\n` })
    assert.equal(await built(project, 'f'), 'first')
    file.content = 'within the same second'
    assert.equal(await built(project, 'f'), 'within the same second')
    file.content = 'an older one'
    file.modified -= 1000
    assert.equal(await built(project, 'f'), 'an older one')
  })

  test('a checksum is held against the bytes, whatever the server says of what was fetched before', async () => {
    await using server = await startServer(({ headers }, response) => {
      response.setHeader('etag', '"one"')
      if (headers['if-none-match'] === '"one"') return void response.writeHead(304).end()
      response.end('content')
    })
    const dockerfile = (checksum: string): string => `FROM scratch\nADD --checksum=sha256:${checksum} http://${server.host}/f /\n`
    const right = createHash('sha256').update('content').digest('hex')
    await using project = await openProject({ Dockerfile: dockerfile(right) })
    assert.equal(await built(project, 'f'), 'content')
    project.write({ Dockerfile: dockerfile('0'.repeat(64)) })
    const { code, stderr } = await project.tsbuild.run(['build', '-q', project.directory])
    assert.equal(code, 1)
    assert.match(stderr, /TSB_HTTP_CHECKSUM/)
  })

  test('a password may have an @, and nothing of it shows', async () => {
    await using server = await startServer(({ headers }, response) => response.end(headers.authorization ?? 'nobody'))
    const url = `http://user:pa@ss@${server.host}/f`
    assert.deepEqual(splitCredentials(url), {
      url: `http://${server.host}/f`,
      credentials: { username: 'user', password: 'pa@ss' },
    })
    assert.ok(!/pa|ss@/.test(hideCredentials(`ADD ${url} ssh://git:pa@ss@host/`)))
    await using project = await openProject({ Dockerfile: `FROM scratch\nADD ${url} /\n` })
    assert.equal(await built(project, 'f'), `Basic ${Buffer.from('user:pa@ss').toString('base64')}`)
  })

  test('a tag that was made again has another .git', async () => {
    await using project = await openProject({ 'www/repo/f': 'f' })
    const repository = join(project.directory, 'www/repo')
    const git = (...args: readonly string[]): Promise<string> =>
      mustRun('git', ['-c', 'user.name=A', '-c', 'user.email=a@example', ...args], { cwd: repository })
    await git('init', '-q')
    await git('add', '.')
    await git('commit', '-qm', 'one')
    await mustRun('ln', ['-s', 'repo/.git', 'www/repo.git'], { cwd: project.directory })
    await using server = await startWebServer(join(project.directory, 'www'))
    project.write({ '.dockerignore': 'www', Dockerfile: `FROM scratch\nADD --keep-git-dir http://${server.host}/repo.git#v1 /\n` })
    const tags: string[] = []
    for (const message of ['old', 'new']) {
      await git('tag', '-f', '-a', 'v1', '-m', message)
      tags.push((await git('rev-parse', 'v1')).trim())
      assert.equal((await built(project, '.git/refs/tags/v1')).trim(), tags.at(-1))
    }
    assert.notEqual(tags[0], tags[1])
  })

  test('git does not outlive a build that is killed', async () => {
    const silent = createServer(() => undefined)
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    try {
      const address = silent.address()
      const remote = `git://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/repo`
      await using project = await openProject({})
      const child = project.tsbuild.start(['build', remote])
      const isRunning = async (): Promise<boolean> => (await mustRun('ps', ['-eo', 'args'])).includes(`git ls-remote --symref -- ${remote}`)
      await until(isRunning)
      await stop(child, 'SIGKILL')
      await until(async () => !(await isRunning()))
    } finally {
      silent.close()
    }
  })
})

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await condition()); tries += 1) {
    assert.ok(tries < 100)
    await sleep(100)
  }
}
