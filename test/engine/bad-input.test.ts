import assert from 'node:assert/strict'
import { chmodSync, chownSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { leftovers } from '../support/leftovers.ts'
import { REPOSITORY } from '../support/paths.ts'
import { type Finished, runProcess } from '../support/process.ts'
import { openProject, type Project } from './project.ts'

interface Case {
  readonly name: string
  readonly files: Readonly<Record<string, string>>
  readonly args?: readonly string[]
  readonly exit: number
  readonly code: string
  /** Facts that the message must name: a file, a line, a remedy. */
  readonly names?: readonly string[]
}

const CASES: readonly Case[] = [
  { name: 'no Dockerfile', files: {}, exit: 1, code: 'TSB_DOCKERFILE_MISSING', names: ['-f'] },
  // Nothing must be built for a name that cannot be given: the step would fail first.
  {
    name: 'impossible tag',
    files: { Dockerfile: 'FROM busybox\nRUN false\n' },
    args: ['-t', 'App', '.'],
    exit: 1,
    code: 'TSB_REFERENCE_INVALID',
    names: ['App'],
  },
  {
    name: 'push without a name',
    files: { Dockerfile: 'FROM busybox\nRUN false\n' },
    args: ['--push', '.'],
    exit: 2,
    code: 'TSB_USAGE_OUTPUT',
    names: ['-t'],
  },
  {
    name: 'base unknown everywhere',
    files: { Dockerfile: 'FROM localhost:1/nope\n' },
    args: ['.'],
    exit: 4,
    code: 'TSB_REGISTRY_UNREACHABLE',
    names: ['localhost:1/nope:latest', 'Dockerfile:1', 'tsbuild images'],
  },
  {
    name: 'invented platform',
    files: { Dockerfile: 'FROM scratch\n' },
    args: ['--platform', 'amd46', '.'],
    exit: 2,
    code: 'TSB_PLATFORM_INVALID',
    names: ['amd46'],
  },
  { name: 'no context', files: {}, args: ['/nowhere/at/all'], exit: 1, code: 'TSB_CONTEXT_MISSING', names: ['/nowhere/at/all'] },
  {
    name: 'unknown instruction',
    files: { Dockerfile: 'FROM busybox\nRUNN true\n' },
    exit: 1,
    code: 'TSB_DOCKERFILE_UNKNOWN_INSTRUCTION',
    names: ['Dockerfile:2', 'RUN'],
  },
  {
    name: 'unknown instruction flag',
    files: { Dockerfile: 'FROM busybox\nCOPY --chwon=1 a b\n' },
    exit: 1,
    code: 'TSB_DOCKERFILE_UNKNOWN_FLAG',
    names: ['Dockerfile:2', 'chown'],
  },
  {
    name: 'unknown option',
    files: { Dockerfile: 'FROM busybox\n' },
    args: ['--no-cahce', '.'],
    exit: 2,
    code: 'TSB_USAGE',
    names: ['--no-cache'],
  },
  {
    name: 'undefined stage',
    files: { Dockerfile: 'FROM busybox AS build\n' },
    args: ['--target', 'biuld', '.'],
    exit: 1,
    code: 'TSB_DOCKERFILE_STAGE_UNKNOWN',
    names: ['build'],
  },
  {
    name: 'missing COPY source',
    files: { Dockerfile: 'FROM busybox\nCOPY nothing /\n' },
    exit: 1,
    code: 'TSB_COPY_SOURCE_MISSING',
    names: ['/nothing', 'Dockerfile:2'],
  },
  {
    name: 'mistyped COPY source',
    files: { Dockerfile: 'FROM scratch\nCOPY src/lib/mian.go /\n', 'src/lib/main.go': '' },
    exit: 1,
    code: 'TSB_COPY_SOURCE_MISSING',
    names: ['did you mean `/src/lib/main.go`', 'Dockerfile:2'],
  },
  {
    name: 'mistyped source in a stage',
    files: { Dockerfile: 'FROM scratch AS a\nCOPY . /\nFROM scratch\nCOPY --from=a /scr/main.go /\n', 'src/main.go': '' },
    exit: 1,
    code: 'TSB_COPY_SOURCE_MISSING',
    names: ['did you mean `/src/main.go`', 'Dockerfile:4'],
  },
  {
    name: 'excluded COPY source',
    files: { Dockerfile: 'FROM busybox\nCOPY secret.txt /\n', 'secret.txt': 's', '.dockerignore': '# comment\n*.txt\n' },
    exit: 1,
    code: 'TSB_COPY_SOURCE_MISSING',
    names: ['.dockerignore', '*.txt', 'line 2'],
  },
  {
    name: 'failing step',
    files: { Dockerfile: 'FROM busybox\nRUN exit 7\n' },
    exit: 1,
    code: 'TSB_STEP_FAILED',
    names: ['exit code: 7', 'Dockerfile:2'],
  },
  { name: 'shell missing', files: { Dockerfile: 'FROM scratch\nRUN true\n' }, exit: 1, code: 'TSB_STEP_FAILED', names: ['/bin/sh'] },
  {
    name: 'unknown user',
    files: { Dockerfile: 'FROM busybox\nUSER nobody-here\nRUN true\n' },
    exit: 1,
    code: 'TSB_USER_UNKNOWN',
    names: ['nobody-here'],
  },
  // Port 1 of loopback refuses, which is what a registry that is down does.
  {
    name: 'registry down',
    files: { Dockerfile: 'FROM 127.0.0.1:1/base\n' },
    exit: 4,
    code: 'TSB_REGISTRY_UNREACHABLE',
    names: ['127.0.0.1:1'],
  },
  {
    name: 'base name malformed',
    files: { Dockerfile: 'FROM Not/A/Name\n' },
    exit: 1,
    code: 'TSB_REFERENCE_INVALID',
    names: ['Dockerfile:1'],
  },
  {
    name: 'a runtime that is none',
    files: { Dockerfile: 'FROM busybox\nRUN true\n' },
    args: ['--oci-runtime', '/bin/false', '.'],
    exit: 3,
    code: 'TSB_RUNTIME_FAILED',
    names: ['/bin/false', 'Dockerfile:2', 'hint: '],
  },
  {
    name: 'a fork bomb below a limit',
    files: { Dockerfile: 'FROM busybox\nUSER 54321\nRUN ulimit -u 60 && { f() { f | f & f; }; f; }\n' },
    exit: 1,
    code: 'TSB_STEP_FAILED',
    names: ['Dockerfile:3'],
  },
]

for (const { name, files, args, exit, code, names } of CASES) {
  test(`${name}: one error, exit code ${exit}, nothing left`, { timeout: 60_000 }, async (t: TestContext) => {
    await using project = await openProject(files)
    const { tsbuild, directory } = project
    const result = await tsbuild.run(['build', '--progress', 'plain', ...(args ?? ['.'])], { cwd: directory })
    assert.equal(result.code, exit, result.stderr)
    assert.match(result.stderr, new RegExp(code))
    for (const fact of names ?? []) assert.ok(result.stderr.includes(fact), `${fact} is not named in:\n${result.stderr}`)
    assert.equal(result.stderr.match(/^error/gim)?.length, 1, result.stderr)
    assert.deepEqual(await leftovers(tsbuild.root), [])
    t.diagnostic(result.stderr.split('\n').find((line) => line.includes(code)) ?? '')
  })
}

test('a missing runtime is named with what to install', { timeout: 60_000 }, async () => {
  await using project = await openProject({ Dockerfile: 'FROM busybox\nRUN true\n' })
  const { tsbuild, directory } = project
  const result = await tsbuild.run(['build', directory], { env: { TSBUILD_RUNTIME: 'no-such-runtime' } })
  assert.equal(result.code, 3, result.stderr)
  assert.match(result.stderr, /TSB_RUNTIME_MISSING/)
  assert.deepEqual(await leftovers(tsbuild.root), [])
})

test('no privilege for containers is said before anything runs', { timeout: 60_000, skip: process.getuid?.() !== 0 }, async () => {
  await using project = await openProject({ Dockerfile: 'FROM busybox\nRUN true\n' })
  const result = await buildAsNobody(project)
  assert.notEqual(result.code, 0)
  assert.match(result.stderr, /TSB_/)
  assert.doesNotMatch(result.stderr, /TSB_BUG/)
})

test('what a user may not read in the context is named, with a remedy', { timeout: 60_000, skip: process.getuid?.() !== 0 }, async () => {
  await using project = await openProject({ Dockerfile: 'FROM scratch\nCOPY . /\n', 'sub/key': 'secret\n' })
  for (const path of ['sub/key', 'sub']) {
    chmodSync(join(project.directory, path), 0)
    const result = await buildAsNobody(project)
    assert.equal(result.code, 1, result.stderr)
    assert.match(result.stderr, /\[TSB_CONTEXT_UNREADABLE\]\n(.*\n)*hint: /)
    assert.ok(result.stderr.includes(`\`${join(project.directory, path)}\``), result.stderr)
  }
})

for (const [command, ...rest] of [['import', 'name'], ['load']] as const) {
  test(`${command}: what is no archive is named, with a remedy`, { timeout: 60_000 }, async () => {
    await using project = await openProject({ 'no.tar': 'no tar\n' })
    const file = join(project.directory, 'no.tar')
    const result = await project.tsbuild.run(command === 'load' ? ['load', '-i', file] : [command, file, ...rest])
    assert.equal(result.code, 1, result.stderr)
    assert.match(result.stderr, /\[TSB_(?:LAYER|ARCHIVE)_[A-Z]+\]\nhint: /)
    assert.ok(result.stderr.includes(`\`${file}\``), result.stderr)
    assert.deepEqual(await leftovers(project.tsbuild.root), [])
  })
}

function buildAsNobody({ tsbuild, directory }: Project): Promise<Finished> {
  const store = join(tsbuild.root, 'user')
  mkdirSync(store, { recursive: true })
  chownSync(store, 65534, 65534)
  for (const path of [tsbuild.root, directory]) chmodSync(path, 0o755)
  const env = { ...process.env, TSBUILD_ROOT: store, HOME: '/nonexistent', NO_COLOR: '1' }
  const launcher = join(REPOSITORY, 'cli/bin/tsbuild.cjs')
  return runProcess('setpriv', ['--reuid', '65534', '--clear-groups', process.execPath, launcher, 'build', directory], { env })
}
