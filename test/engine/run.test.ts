import assert from 'node:assert/strict'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openProject, type Project } from './project.ts'

let project: Project

before(async () => {
  project = await openProject({})
})
after(() => project[Symbol.asyncDispose]())

const run = (...args: readonly string[]): ReturnType<Project['tsbuild']['run']> =>
  project.tsbuild.run(['run', '--network', 'none', ...args])

for (const [command, code] of [
  [['sh', '-c', 'exit 7'], 7],
  [['no-such-program'], 127],
  [['/etc'], 126],
] as const) {
  test(`\`run … ${command.join(' ')}\` exits with ${code}`, async () => {
    assert.equal((await run('busybox', ...command)).code, code)
  })
}

test('the environment has the host name, as docker gives it', async () => {
  const { stdout } = await run('--hostname', 'box', 'busybox', 'env')
  assert.ok(stdout.split('\n').includes('HOSTNAME=box'), stdout)
})

test('`-e NAME` of a variable that is not set here takes it away from the container', async () => {
  assert.equal(process.env['TSB_NOT_SET_HERE'], undefined)
  const { stdout } = await run('-e', 'TSB_NOT_SET_HERE=1', '-e', 'TSB_NOT_SET_HERE', 'busybox', 'env')
  assert.doesNotMatch(stdout, /TSB_NOT_SET_HERE/)
})

test('a working directory that is not absolute is refused by us, once', async () => {
  const { code, stderr } = await run('-w', 'here', 'busybox', 'true')
  assert.equal(code, 125)
  assert.match(stderr, /^error: .*TSB_USAGE_INVALID_VALUE/)
})

test('a volume whose source is missing gets an empty directory', async () => {
  const source = join(project.directory, 'made', 'here')
  const { code, stderr } = await run('-v', `${source}:/data`, 'busybox', 'touch', '/data/file')
  assert.equal(code, 0, stderr)
  assert.equal(existsSync(join(source, 'file')), true)
  rmSync(source, { recursive: true })
})

test('a name is no path of a volume', async () => {
  const { code, stderr } = await run('-v', 'data:/data', 'busybox', 'true')
  assert.equal(code, 125)
  assert.match(stderr, /TSB_USAGE_VOLUME/)
  assert.equal(existsSync('data'), false)
})

test('a volume below /proc is an error and not an endless loop', { timeout: 20_000 }, async () => {
  const { code, stderr } = await run('-v', '/proc/nowhere/at/all:/data', 'busybox', 'true')
  assert.equal(code, 125)
  assert.match(stderr, /TSB_VOLUME_SOURCE/)
})

test('an image goes by the beginning of its id, unless a name is spelled so', async () => {
  const id = (await project.tsbuild.must(['images', '-q'])).trim()
  assert.equal((await run(id.slice(0, 7), 'true')).code, 0)
  assert.equal((await run(id, 'true')).code, 0)
})
