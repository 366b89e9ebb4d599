import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { leftovers } from '../../support/leftovers.ts'
import { buildSteps } from '../../support/steps.ts'
import { openProject, type Project } from '../project.ts'
import { storeFaults } from '../store-check.ts'

const options = { timeout: 120_000 }
const SECRET = 'S3CRET-xyzzy-0123456789'

/** Builds, and gives what the files of `/out` in the result say, in the order of their names. */
async function build(project: Project, dockerfile: string, ...args: string[]): Promise<string> {
  project.write({ Dockerfile: dockerfile })
  await project.tsbuild.must(['-t', 'app', '--network', 'none', ...args, project.directory], { env: { BUILD_TOKEN: SECRET } })
  return project.tsbuild.must(['run', '--rm', '--network', 'none', 'app', 'sh', '-c', 'cd /out && cat *'])
}

async function assertClean({ tsbuild }: Project): Promise<void> {
  assert.deepEqual(await leftovers(tsbuild.root), [])
  assert.deepEqual(await storeFaults(tsbuild.root), [])
}

test('of a bind only what is mounted is in the key', options, async () => {
  await using project = await openProject({ 'src/a': 'a', 'other/b': 'b', '.dockerignore': 'src/ignored\n', 'src/ignored': 'i' })
  project.write({
    Dockerfile:
      'FROM busybox\nRUN --network=none --mount=type=bind,source=src,target=/src ls /src > /list; cat /src/a > /a; ! touch /src/x\n',
  })
  const ran = async () => (await buildSteps(project.tsbuild, ['-t', 'app', project.directory])).ran.some((name) => name.includes('RUN'))
  assert.equal(await ran(), true)
  assert.equal(
    await project.tsbuild.must(['run', '--rm', '--network', 'none', 'app', 'sh', '-c', 'cat /list /a; test -e /src || echo gone']),
    'a\nagone\n',
  )
  assert.equal(await ran(), false)
  project.write({ 'other/b': 'B', 'src/ignored': 'I' })
  assert.equal(await ran(), false, 'what is not mounted does not count')
  project.write({ 'src/a': 'A' })
  assert.equal(await ran(), true)
  await assertClean(project)
})

test('binds of stages, files and whole contexts; writes are thrown away', options, async () => {
  await using project = await openProject({ one: '1', 'd/two': '2' })
  const text = await build(
    project,
    `FROM busybox AS st
RUN --network=none mkdir -p /deep && echo stage > /deep/f && ln -s /deep /link
FROM busybox
RUN --mount=type=bind,rw,target=/ctx \\
    --mount=type=bind,rw,from=st,source=/link,target=/st \\
    --mount=type=bind,rw,source=one,target=/file \\
    mkdir /out && echo new > /ctx/new && echo more >> /st/f && echo more > /file && \\
    ls /ctx > /out/1 && cat /st/f /file > /out/2
RUN --mount=type=bind,target=/ctx --mount=type=bind,from=st,source=/deep,target=/st --mount=type=bind,source=one,target=/file \\
    ls /ctx > /out/3 && cat /st/f /file > /out/4
RUN --mount=type=bind,from=empty,target=/e --mount=type=bind,from=empty,target=/e2,rw touch /e2/x && ls -A /e /e2 > /out/5
`.replace('FROM busybox\n', 'FROM scratch AS empty\nFROM busybox\n'),
  )
  assert.equal(text, 'Dockerfile\nd\nnew\none\nstage\nmore\nmore\nDockerfile\nd\none\nstage\n1/e:\n\n/e2:\nx\n')
  await assertClean(project)
})

test('what a mount names and is not there', options, async () => {
  await using project = await openProject({ f: 'f', '.dockerignore': 'f\n' })
  const { tsbuild, directory } = project
  for (const mount of [
    'source=nope',
    'source=f',
    'from=busybox,source=/nope',
    'type=cache,from=busybox,source=/nope',
    'type=cache,source=/nope',
  ]) {
    project.write({ Dockerfile: `FROM busybox\nRUN --mount=target=/x,${mount} true\n` })
    const { code, stderr } = await tsbuild.run(['--network', 'none', directory])
    assert.equal(code, 1)
    assert.match(stderr, /\[TSB_MOUNT_SOURCE_MISSING\]/)
    assert.match(stderr, /Dockerfile:2/)
    assert.equal(/excludes it: add `!f`/.test(stderr), mount === 'source=f')
  }
  await assertClean(project)
})

test('a cache lives on: through other builds, failed steps, another command', options, async () => {
  await using project = await openProject({})
  const step = (command: string): string => `FROM busybox\nRUN --mount=type=cache,target=/c ${command}\n`
  const add = (text: string) =>
    build(project, step(`echo ${text} >> /c/log && mkdir /out && cp /c/log /out && stat -c '%a %u:%g' /c > /out/z`))
  assert.equal(await add('one'), 'one\n755 0:0\n')
  assert.equal(await add('two'), 'one\ntwo\n755 0:0\n')
  project.write({ Dockerfile: step('echo failed >> /c/log && exit 3') })
  assert.equal((await project.tsbuild.run(['--network', 'none', project.directory])).code, 1)
  assert.equal(await add('three'), 'one\ntwo\nfailed\nthree\n755 0:0\n')
  assert.equal(await add('three'), 'one\ntwo\nfailed\nthree\n755 0:0\n', 'cached: it did not run')
  assert.equal(readdirSync(join(project.tsbuild.root, 'caches')).length, 1)
  await assertClean(project)
})

test('which cache a mount gets', options, async () => {
  await using project = await openProject({ 'seed/f': 'context' })
  const base = 'FROM busybox AS st\nRUN --network=none mkdir -p /d && echo seed > /d/f && chmod 2710 /d && chown 7:8 /d\nFROM busybox\n'
  const text = await build(
    project,
    `${base}RUN --mount=type=cache,target=/c,uid=5,gid=6,mode=0777 mkdir /out && stat -c '%a %u:%g' /c > /out/1 && touch /c/own
RUN --mount=type=cache,target=/c ls -A /c > /out/2
RUN --mount=type=cache,id=/c,target=/other,uid=5,gid=6,mode=0777 ls /other > /out/3
RUN --mount=type=cache,target=/c,from=st,source=/d stat -c '%a %u:%g' /c > /out/4 && cat /c/f >> /out/4 && echo changed > /c/f
RUN --mount=type=cache,id=/c,target=/e,from=st,source=/d cat /e/f > /out/5
RUN --mount=type=cache,id=x,target=/e/g,from=st,source=/d/f cat /e/g > /out/6 && echo new > /e/g
RUN --mount=type=cache,id=x,target=/g,from=st,source=/d/f,ro cat /g > /out/7 && ! echo y > /g
RUN --mount=type=cache,id=a,target=/a --mount=type=cache,id=a,target=/b,sharing=locked touch /a/same && ls /b > /out/8
`,
  )
  assert.equal(text, '755 5:6\nown\n2710 7:8\nseed\nchanged\nseed\nnew\nsame\n')
  await assertClean(project)
})

test('without the cache of steps a build begins with empty caches, once', options, async () => {
  await using project = await openProject({})
  const dockerfile = `FROM busybox
RUN --mount=type=cache,id=kept,target=/c mkdir /out && ls -A /c > /out/1 && touch /c/first
RUN --mount=type=cache,id=kept,target=/c ls -A /c > /out/2 && touch /c/second
`
  assert.equal(await build(project, dockerfile), 'first\n')
  assert.equal(await build(project, dockerfile, '--no-cache'), 'first\n')
  assert.equal(readdirSync(join(project.tsbuild.root, 'caches')).length, 1)
  await assertClean(project)
})

test('locked is for one step at a time, in this build and in others; private gets another', options, async () => {
  await using project = await openProject({})
  const { tsbuild, directory } = project
  // Each step is one of its own: equal ones would run once.
  const step = (name: string, sharing: string): string =>
    `FROM busybox AS ${name}\nRUN --mount=type=cache,id=c,target=/c,sharing=${sharing} : ${name} ${sharing}; mkdir /c/busy && sleep 1 && rmdir /c/busy\n`
  const both = (sharing: string) =>
    Promise.all(
      ['x', 'y'].map((build) => {
        const steps = ['a', 'b'].map((stage) => step(`${build}${stage}`, sharing)).join('')
        project.write({ [`${build}/Dockerfile`]: `${steps}FROM busybox\nCOPY --from=${build}a /bin /a\nCOPY --from=${build}b /bin /b\n` })
        return tsbuild.must(['--network', 'none', join(directory, build)])
      }),
    )
  const caches = (): number => readdirSync(join(tsbuild.root, 'caches')).length
  await both('locked')
  assert.equal(caches(), 1)
  await both('private')
  assert.ok(caches() > 1)
  await assertClean(project)
})

test('secrets: files and variables that leave no trace anywhere', options, async () => {
  await using project = await openProject({})
  const file = join(project.directory, 'secret.txt')
  writeFileSync(file, SECRET)
  project.write({ '.dockerignore': 'secret.txt\n' })
  const text = await build(
    project,
    `FROM busybox
ENV TOKEN=image
RUN --mount=type=secret,id=a --mount=type=secret,id=a,target=/x/y,mode=0444,uid=3,gid=4 --mount=type=secret,id=none \\
    mkdir /out && stat -c '%a %u:%g %n' /run/secrets/* /x/y > /out/1 && wc -c < /run/secrets/a >> /out/1
RUN --mount=type=secret,id=b,env=TOKEN --mount=type=secret,id=none,env=NOTHING \\
    echo \${#TOKEN} "\${NOTHING-unset}" > /out/2 && test ! -e /run
RUN echo $TOKEN > /out/3; test ! -e /x
`,
    '--secret',
    `id=a,src=${file}`,
    '--secret',
    'id=b,env=BUILD_TOKEN',
  )
  assert.equal(text, `400 0:0 /run/secrets/a\n444 3:4 /x/y\n${SECRET.length}\n${SECRET.length} \nimage\n`)
  assert.deepEqual(filesWith(project.tsbuild.root, SECRET), [])
  await assertClean(project)
})

test('a secret and an agent that are needed and were not given; one that cannot be read', options, async () => {
  await using project = await openProject({ big: 'x'.repeat((500 << 10) + 1) })
  const refused = async (mount: string, ...args: string[]): Promise<string> => {
    project.write({ Dockerfile: `FROM busybox\nRUN --mount=${mount} true\n` })
    const { code, stderr } = await project.tsbuild.run(['--network', 'none', ...args, project.directory])
    assert.notEqual(code, 0)
    return /\[(TSB_\w+)\]/.exec(stderr)?.[1] ?? stderr
  }
  assert.equal(await refused('type=secret,id=a,required'), 'TSB_SECRET_MISSING')
  assert.equal(await refused('type=ssh,required'), 'TSB_SSH_MISSING')
  assert.equal(await refused('type=tmpfs,target=/bin/busybox'), 'TSB_MOUNT_TARGET')
  assert.equal(await refused('type=tmpfs,target=/t', '--secret', 'id=nope'), 'TSB_SECRET_UNREADABLE')
  assert.equal(await refused('type=tmpfs,target=/t', '--secret', `id=a,src=${join(project.directory, 'big')}`), 'TSB_SECRET_TOO_BIG')
  assert.equal(await refused('type=tmpfs,target=/t', '--secret', 'a'), 'TSB_USAGE_SECRET')
  assert.equal(await refused('type=tmpfs,target=/t', '--ssh', `x=${join(project.directory, 'big')}`), 'TSB_SSH_KEY')
  await assertClean(project)
})

test('network and security have to be allowed', options, async () => {
  await using project = await openProject({})
  const run = async (flags: string, ...args: string[]): Promise<string> => {
    project.write({
      Dockerfile: `FROM busybox\nRUN ${flags} test $(wc -l < /proc/net/dev) -gt 3 || echo alone; mount -t tmpfs tmpfs /tmp && echo mounted\n`,
    })
    const { code, stderr } = await project.tsbuild.run(['--progress', 'plain', '--no-cache', ...args, project.directory])
    return code === 0 ? '' : (/\[(TSB_\w+)\]/.exec(stderr)?.[1] ?? stderr)
  }
  assert.equal(await run('--network=host'), 'TSB_NOT_ALLOWED')
  assert.equal(await run('--security=insecure --network=none'), 'TSB_NOT_ALLOWED')
  assert.equal(await run('--network=host', '--allow', 'network.host'), 'TSB_STEP_FAILED', 'mounting fails in the sandbox')
  assert.equal(await run('', '--network', 'host'), 'TSB_STEP_FAILED')
  assert.equal(await run('--security=insecure', '--allow', 'security.insecure', '--network', 'none'), '')
  assert.equal(await run('', '--network', 'elsewhere'), 'TSB_USAGE_INVALID_VALUE')
  await assertClean(project)
})

/** Files below `directory` whose bytes hold `text`. */
function filesWith(directory: string, text: string): readonly string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(text))
}
