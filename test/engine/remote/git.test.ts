import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { startServer, type TestServer } from '../../support/http-server.ts'
import { leftovers } from '../../support/leftovers.ts'
import { mustRun, runProcess } from '../../support/process.ts'
import { buildSteps } from '../../support/steps.ts'
import { startWebServer } from '../../support/web-server.ts'
import { openProject, type Project } from '../project.ts'

const OPTIONS = { timeout: 120_000 }

/** A repository served by git itself, and its work tree. */
interface Served extends AsyncDisposable {
  readonly server: TestServer
  /** Of the repository. */
  readonly url: string
  /** Runs a script in the work tree, and publishes what it committed. */
  commit(script: string): Promise<string>
  readonly root: string
}

const IDENTITY = { GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@b', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@b' }
const GIT = { ...IDENTITY, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', GIT_COMMITTER_DATE: '1000000000 +0000' }

async function serveRepository(): Promise<Served> {
  const root = mkdtempSync(join(tmpdir(), 'tsbuild-git-'))
  const work = join(root, 'work')
  const sh = (script: string): Promise<string> => mustRun('sh', ['-euc', script], { cwd: work, env: { ...process.env, ...GIT } })
  mkdirSync(work)
  await sh('git init -q -b main && git init -q --bare -b main ../repo.git')
  const server = await startWebServer(root)
  return {
    server,
    root,
    url: `http://${server.host}/repo.git`,
    commit: async (script) => {
      await sh(
        `${script}\ngit add -A && git commit -qm x --allow-empty\ngit push -q --force --all ../repo.git\ngit push -q --force --tags ../repo.git`,
      )
      return (await sh('git rev-parse HEAD')).trim()
    },
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]()
      rmSync(root, { recursive: true, force: true })
    },
  }
}

/** Paths that were asked for since, without the repository's name. */
function asked(served: Served, since = 0): readonly string[] {
  return served.server.requests.slice(since).map(({ method, url }) => `${method} ${url.replace(/^.*\.git\//, '')}`)
}

const FETCH = 'POST git-upload-pack'

async function failure(project: Project, args: readonly string[]): Promise<readonly [code: number, error: string | undefined]> {
  const { code, stderr } = await project.tsbuild.run(['build', ...args])
  return [code, /\[(TSB_\w+)\]/.exec(stderr)?.[1]]
}

describe('a git repository', () => {
  test('is fetched once for a commit; later builds ask for the ref only', OPTIONS, async () => {
    await using served = await serveRepository()
    await served.commit('echo one > f; printf "FROM busybox\\nCOPY f /\\nRUN cat /f\\n" > Dockerfile')
    await using project = await openProject({})
    const ran = async (): Promise<number> =>
      (await buildSteps(project.tsbuild, [served.url])).ran.filter((name) => /COPY|RUN/.test(name)).length
    assert.equal(await ran(), 2)
    const first = served.server.requests.length
    assert.equal(await ran(), 0)
    const again = asked(served, first)
    // The pack that has the files is not asked for again: two exchanges of protocol 2 list the refs.
    assert.deepEqual(again, ['GET info/refs?service=git-upload-pack', FETCH])
    await served.commit('echo other > g')
    assert.equal(await ran(), 0, 'another commit with the same file')
    await served.commit('echo two > f')
    assert.equal(await ran(), 2)
    assert.deepEqual(await leftovers(project.tsbuild.root), [])
  })

  test('at a commit that was fetched before is not asked for at all', OPTIONS, async () => {
    await using served = await serveRepository()
    const old = await served.commit('echo old > f')
    await served.commit('echo new > f')
    await using project = await openProject({})
    project.write({ Dockerfile: `FROM scratch\nADD ${served.url}#${old} /\n` })
    await project.tsbuild.must(['build', '-o', `${project.directory}/out`, project.directory])
    assert.equal(readFileSync(join(project.directory, 'out/f'), 'utf8'), 'old\n')
    const first = served.server.requests.length
    await project.tsbuild.must(['build', project.directory])
    assert.deepEqual(asked(served, first), [])
  })

  test('keeps its .git, clean and with the ref that was asked for, when it should', OPTIONS, async () => {
    await using served = await serveRepository()
    await served.commit('echo one > f; mkdir sub; echo s > sub/s')
    await served.commit('git tag -a v1 -m note')
    await using project = await openProject({})
    project.write({
      Dockerfile: `FROM scratch\nADD --keep-git-dir ${served.url}#v1 /tag\nADD --keep-git-dir=true ${served.url}#main:sub /sub\n`,
    })
    await project.tsbuild.must(['build', '-o', `${project.directory}/out`, project.directory])
    const git = (folder: string, ...args: readonly string[]): Promise<string> =>
      mustRun('git', ['-c', 'safe.directory=*', ...args], { cwd: join(project.directory, 'out', folder) })
    assert.equal(await git('tag', 'status', '--porcelain'), '')
    assert.equal((await git('tag', 'describe')).trim(), 'v1')
    assert.equal((await git('tag', 'remote', 'get-url', 'origin')).trim(), served.url)
    assert.ok(existsSync(join(project.directory, 'out/sub/s')))
    // As with BuildKit: it is of the whole.
    assert.ok(!existsSync(join(project.directory, 'out/sub/.git')))
  })

  test('is checked against a commit or the object of an annotated tag, in part or whole', OPTIONS, async () => {
    await using served = await serveRepository()
    const commit = await served.commit('echo one > f; git add -A; git commit -qm one; git tag -a v1 -m note')
    const tag = (await mustRun('git', ['rev-parse', 'v1'], { cwd: join(served.root, 'work') })).trim()
    const tagged = (await mustRun('git', ['rev-parse', 'v1^{}'], { cwd: join(served.root, 'work') })).trim()
    await using project = await openProject({})
    for (const [ref, checksum, code] of [
      ['v1', tag, 0],
      ['v1', tagged.slice(0, 8), 0],
      ['main', commit, 0],
      ['main', tag, 1],
    ] as const) {
      project.write({ Dockerfile: `FROM scratch\nADD --checksum=${checksum} ${served.url}#${ref} /\n` })
      const ended = await project.tsbuild.run(['build', project.directory])
      assert.equal(ended.code, code, ended.stderr)
      if (code !== 0) assert.match(ended.stderr, /\[TSB_GIT_CHECKSUM\]/)
    }
  })

  test('has the times of its commit where the query says so', OPTIONS, async () => {
    await using served = await serveRepository()
    await served.commit('mkdir d; echo one > d/f; ln -s d/f l; printf "FROM scratch\\nCOPY . /\\n" > Dockerfile')
    await using project = await openProject({})
    await project.tsbuild.must(['build', '-o', `${project.directory}/out`, `${served.url}?mtime=commit`])
    for (const name of ['d', 'd/f']) assert.equal(statSync(join(project.directory, 'out', name)).mtimeMs, 1_000_000_000_000)
  })

  test('runs no hook, no filter and no program, and reads no configuration but its own', OPTIONS, async () => {
    await using served = await serveRepository()
    await served.commit(
      'printf "* filter=evil text eol=crlf\\n" > .gitattributes; echo one > f; printf "FROM scratch\\nCOPY f /\\n" > Dockerfile',
    )
    await using project = await openProject({})
    const marker = join(project.directory, 'marker')
    project.write({
      'home/.gitconfig': `[filter "evil"]\nsmudge = touch ${marker}\n[core]\nfsmonitor = touch ${marker}\n[url "file:///"]\ninsteadOf = http://\n`,
    })
    const env = { HOME: join(project.directory, 'home'), GIT_DIR: '/nowhere', GIT_CONFIG_PARAMETERS: "'core.pager=false'" }
    await project.tsbuild.must(['build', '-o', `${project.directory}/out`, served.url], { env })
    assert.ok(!existsSync(marker))
  })

  test('whose server speaks the dumb protocol is fetched whole', OPTIONS, async () => {
    await using served = await serveRepository()
    const old = await served.commit('echo old > f; printf "FROM scratch\\nCOPY f /\\n" > Dockerfile')
    await served.commit('echo new > f')
    await mustRun('git', ['update-server-info'], { cwd: join(served.root, 'repo.git') })
    await using plain = await startServer(({ url }, response) => {
      const file = join(served.root, new URL(url, 'http://x').pathname)
      if (!existsSync(file) || !statSync(file).isFile()) return void response.writeHead(404).end()
      response.end(readFileSync(file))
    })
    await using project = await openProject({})
    for (const [ref, content] of [
      ['main', 'new\n'],
      [old, 'old\n'],
    ] as const) {
      await project.tsbuild.must(['build', '-o', `${project.directory}/out`, `http://${plain.host}/repo.git#${ref}`])
      assert.equal(readFileSync(join(project.directory, 'out/f'), 'utf8'), content)
    }
  })
})

describe('a git repository that cannot be had', () => {
  test('is a named error, and nothing is left of it', OPTIONS, async () => {
    await using served = await serveRepository()
    await served.commit('echo one > f; ln -s / escape; printf "FROM scratch\\nCOPY . /\\n" > Dockerfile')
    await using project = await openProject({})
    assert.deepEqual(await failure(project, [`${served.url}#nowhere`]), [1, 'TSB_GIT_REF'])
    assert.deepEqual(await failure(project, [`${served.url}#main:escape/etc`]), [1, 'TSB_GIT_SUBDIR'])
    assert.deepEqual(await failure(project, [`${served.url}#${'0'.repeat(40)}`]), [4, 'TSB_GIT_FAILED'])
    assert.deepEqual(await failure(project, [`${served.url}?x=1`]), [1, 'TSB_GIT_URL'])
    assert.deepEqual(await failure(project, [`http://${served.server.host}/nowhere.git`]), [4, 'TSB_GIT_FAILED'])
    assert.deepEqual(await failure(project, ['http://127.0.0.1:1/x.git']), [4, 'TSB_GIT_FAILED'])
    assert.deepEqual(await failure(project, ['git@127.0.0.1:--upload-pack=touch']), [4, 'TSB_GIT_FAILED'])
    assert.deepEqual(await leftovers(project.tsbuild.root), [])
  })

  test('asks nobody for a password, and shows none', OPTIONS, async () => {
    await using server = await startServer((_, response) => response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="x"' }).end())
    await using project = await openProject({})
    const { code, stderr } = await project.tsbuild.run(['build', '--progress=plain', `http://user:hidden@${server.host}/x.git`])
    assert.deepEqual([code, /\[(TSB_\w+)\]/.exec(stderr)?.[1]], [4, 'TSB_GIT_FAILED'])
    assert.doesNotMatch(stderr, /hidden/)
    assert.equal(server.requests[0]?.headers.authorization, `Basic ${Buffer.from('user:hidden').toString('base64')}`)
  })

  test('for want of git says so', OPTIONS, async () => {
    await using project = await openProject({})
    assert.deepEqual(
      await project.tsbuild
        .run(['build', 'http://127.0.0.1:1/x.git'], { env: { PATH: project.directory } })
        .then(({ code, stderr }) => [code, /\[(TSB_\w+)\]/.exec(stderr)?.[1]]),
      [3, 'TSB_GIT_MISSING'],
    )
  })

  test('has submodules of this machine, which are refused', OPTIONS, async () => {
    await using served = await serveRepository()
    await served.commit('echo one > f')
    await served.commit(
      'printf "[submodule \\"sub\\"]\\n path = sub\\n url = file:///etc\\n" > .gitmodules; mkdir -p sub; git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),sub',
    )
    await using project = await openProject({})
    project.write({ Dockerfile: `FROM scratch\nADD ${served.url} /\n` })
    assert.deepEqual(await failure(project, [project.directory]), [4, 'TSB_GIT_FAILED'])
  })

  test('is interrupted leaves no git behind', OPTIONS, async () => {
    let asked: () => void = () => {}
    const begun = new Promise<void>((resolve) => {
      asked = resolve
    })
    await using server = await startServer(() => asked())
    await using project = await openProject({})
    const { tsbuild } = project
    const child = tsbuild.start(['build', `http://${server.host}/x.git`])
    const ended = new Promise<number | null>((resolve) => child.on('exit', resolve))
    await begun
    child.kill('SIGINT')
    assert.equal(await ended, 130)
    assert.deepEqual(await leftovers(tsbuild.root), [])
    const { stdout } = await runProcess('pgrep', ['-f', server.host])
    assert.equal(stdout, '')
  })
})

test('credentials are lent as secrets, to their host', OPTIONS, async () => {
  await using served = await serveRepository()
  await served.commit('echo one > f; printf "FROM scratch\\nCOPY f /\\n" > Dockerfile')
  await using project = await openProject({ header: 'Bearer one\n' })
  const { tsbuild, directory } = project
  const sent = async (...secrets: readonly string[]): Promise<string | undefined> => {
    const first = served.server.requests.length
    const flags = secrets.flatMap((secret) => ['--secret', secret])
    await tsbuild.must(['build', ...flags, served.url], { env: { TOKEN: 'two' } })
    return served.server.requests[first]?.headers.authorization
  }
  const basic = `Basic ${Buffer.from('x-access-token:two').toString('base64')}`
  assert.equal(await sent(), undefined)
  assert.equal(await sent('id=GIT_AUTH_TOKEN,env=TOKEN'), basic)
  assert.equal(await sent(`id=GIT_AUTH_HEADER,src=${directory}/header`), 'Bearer one')
  assert.equal(await sent(`id=GIT_AUTH_HEADER,src=${directory}/header`, `id=GIT_AUTH_TOKEN.${served.server.host},env=TOKEN`), basic)
  assert.equal(await sent('id=GIT_AUTH_TOKEN.other.example,env=TOKEN'), undefined)
})
