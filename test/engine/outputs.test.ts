import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { REPOSITORY } from '../support/paths.ts'
import { runProcess } from '../support/process.ts'
import { openProject, type Project } from './project.ts'

let project: Project

before(async () => {
  project = await openProject({ Dockerfile: 'FROM busybox\nCOPY Dockerfile /d\n', 'Broken.Dockerfile': 'FROM busybox\nCOPY nothing /\n' })
})
after(() => project[Symbol.asyncDispose]())

const build = (...args: readonly string[]): ReturnType<Project['tsbuild']['run']> =>
  project.tsbuild.run(['build', '-q', ...args, project.directory])

test('the image ID file has the digest and nothing else, and none outlives a failed build', async () => {
  const file = join(project.directory, 'id')
  const { stdout } = await build('--iidfile', file)
  assert.equal(`${readFileSync(file, 'utf8')}\n`, stdout)
  writeFileSync(file, 'old')
  assert.equal((await build('--iidfile', file, '-f', join(project.directory, 'Broken.Dockerfile'))).code, 1)
  assert.equal(existsSync(file), false)
})

test('the Dockerfile comes from standard input, the ignore file from the context', async () => {
  const { tsbuild, directory } = project
  await using other = await openProject({ '.dockerignore': 'no', no: '', yes: '' })
  const args = ['build', '-q', '--progress', 'plain', '-f', '-', other.directory]
  assert.equal((await tsbuild.run(args, { input: 'FROM scratch\nCOPY yes /\n' })).code, 0)
  const { code, stderr } = await tsbuild.run(args, { cwd: directory, input: 'FROM scratch\nCOPY no /\n' })
  assert.equal(code, 1)
  assert.match(stderr, /^Dockerfile:2$/m)
  assert.match(stderr, /line 1 of `\.dockerignore`/)
})

for (const [args, code] of [
  [['--iidfile', '/nowhere/id'], 'TSB_EXPORT_WRITE'],
  [['-o', 'type=tar,dest=/proc/nowhere/x.tar'], 'TSB_EXPORT_WRITE'],
  [['-o', 'type=oci,dest=/dev/null/x.tar'], 'TSB_EXPORT_WRITE'],
  [['-o', 'type=oci,dest=/dev/full'], 'TSB_DISK_FULL'],
  [['-o', 'type=tar,dest=/dev/full'], 'TSB_DISK_FULL'],
] as const) {
  test(`\`${args.join(' ')}\` is ${code}`, { timeout: 20_000 }, async () => {
    const { code: exit, stderr } = await build(...args)
    assert.equal(exit, 3, stderr)
    assert.ok(stderr.includes(code), stderr)
    assert.equal(stderr.split('error: ').length, 2, stderr)
  })
}

test('a tar on a pipe that is slower than we are is whole', async () => {
  const { code, stdout } = await shell('build -q -o -', '(sleep 1; cat) | tar t | grep -c .')
  assert.equal(code, 0)
  const file = join(project.directory, 'x.tar')
  await build('-o', `type=tar,dest=${file}`)
  assert.equal(stdout, (await runProcess('sh', ['-c', `tar tf ${file} | grep -c .`])).stdout)
})

test('a reader that goes away is 141 and no message', async () => {
  const { stdout } = await shell('build -q -o -', 'head -c 1 > /dev/null')
  assert.equal(stdout, 'exit 141\n')
})

/** Output of `tsbuild COMMAND context | filter`, and how tsbuild ended when the filter says nothing. */
function shell(command: string, filter: string): ReturnType<typeof runProcess> {
  const launcher = join(REPOSITORY, 'cli/bin/tsbuild.cjs')
  const piped = `{ { { node ${launcher} ${command} ${project.directory} || echo "exit $?" >&3; } | { { ${filter}; } >&3; }; } 3>&1; } 2>&1`
  return runProcess('bash', ['-c', piped], {
    env: { ...process.env, TSBUILD_ROOT: project.tsbuild.root, NO_COLOR: '1' },
  })
}
