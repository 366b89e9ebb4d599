import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openProject } from '../project.ts'
import { allocatedBytes, watchStore } from './watch-store.ts'

const CAP = 40 * 1024 ** 2
const steps = (...runs: readonly string[]): string => ['FROM busybox', ...runs.map((run) => `RUN ${run}`)].join('\n')
const write = (name: string, megabytes: number, fill: string): string => `yes ${fill} | head -c ${megabytes}000000 > /${name}`

test('builds go on within a cap that all of them exceed, and what was used last is still there', async () => {
  await using project = await openProject({})
  const { tsbuild, directory } = project
  const watched = watchStore(tsbuild.root)
  const build = (number: number): Promise<string> => {
    project.write({ Dockerfile: steps(write('a', 4, `a${number}`), write('b', 4, `b${number}`)) })
    return tsbuild.must(['--max-disk', `${CAP}`, '--progress', 'plain', '-t', 'app', directory])
  }
  for (let number = 0; number < 8; number++) await build(number)
  const most = await watched.stop()
  assert.ok(most <= CAP, `${most} of ${CAP}`)
  const { stderr } = await tsbuild.run(['--max-disk', `${CAP}`, '--progress', 'plain', directory])
  assert.equal(stderr.match(/CACHED/g)?.length, 3)
  assert.match(await tsbuild.must(['doctor', '--store']), /sound/)
})

test('a copy that does not fit is refused before it is made', async () => {
  await using project = await openProject({ Dockerfile: 'FROM busybox\nCOPY large /\n' })
  const { tsbuild, directory } = project
  writeFileSync(join(directory, 'large'), randomBytes(CAP + 1))
  const watched = watchStore(tsbuild.root)
  const { code, stderr } = await tsbuild.run([directory], { env: { TSBUILD_MAX_DISK: String(CAP) } })
  assert.deepEqual([code, /TSB_[A-Z_]+/.exec(stderr)?.[0]], [3, 'TSB_STORE_CAP'])
  const most = await watched.stop()
  assert.ok(most < CAP / 2, `${most}`)
})

test('a step that writes too much is stopped, and leaves nothing', async () => {
  await using project = await openProject({
    Dockerfile: steps('for n in $(seq 100); do head -c 500000 /dev/urandom > /f$n; sleep 0.05; done'),
  })
  const { tsbuild, directory } = project
  const before = allocatedBytes(tsbuild.root)
  const watched = watchStore(tsbuild.root)
  const { code, stderr } = await tsbuild.run(['--max-disk', `${CAP}`, directory])
  assert.deepEqual([code, /TSB_[A-Z_]+/.exec(stderr)?.[0]], [3, 'TSB_STORE_CAP'])
  const most = await watched.stop()
  assert.ok(most > CAP / 2 && most <= CAP, `${most} of ${CAP}`)
  assert.ok(allocatedBytes(tsbuild.root) < before + 2_000_000)
  assert.match(await tsbuild.must(['doctor', '--store']), /sound/)
})

test('images with a name are no cache: where they fill the store a build ends, and they stay', async () => {
  await using project = await openProject({ Dockerfile: steps(write('a', 28, 'a')) })
  const { tsbuild, directory } = project
  const cap = ['--max-disk', `${CAP}`]
  await tsbuild.must([...cap, '-t', 'kept', directory])
  project.write({ Dockerfile: steps(write('a', 20, 'b')) })
  const { code, stderr } = await tsbuild.run([...cap, directory])
  assert.deepEqual([code, /TSB_[A-Z_]+/.exec(stderr)?.[0]], [3, 'TSB_STORE_CAP'])
  assert.equal(await tsbuild.must(['run', 'kept', 'head', '-c', '4', '/a']), 'a\na\n')
  assert.ok(allocatedBytes(tsbuild.root) <= CAP)
})

test('the configuration has a say, the environment a louder one, the flag the last', async () => {
  await using project = await openProject({
    Dockerfile: steps(write('a', 20, 'a')),
    'small.json': '{ "maxDisk": "10MB" }',
    'bad.json': '{ "maxDsk": 1 }',
  })
  const { tsbuild, directory } = project
  const config = (name: string): Record<string, string> => ({ TSBUILD_CONFIG: join(directory, name) })
  const codeOf = async (env: Readonly<Record<string, string>>, ...flags: readonly string[]): Promise<string | undefined> => {
    const { stderr } = await tsbuild.run([...flags, '--no-cache', directory], { env })
    return /TSB_[A-Z_]+/.exec(stderr)?.[0]
  }
  assert.equal(await codeOf(config('small.json')), 'TSB_STORE_CAP')
  assert.equal(await codeOf({ ...config('small.json'), TSBUILD_MAX_DISK: '1g' }), undefined)
  assert.equal(await codeOf({ ...config('small.json'), TSBUILD_MAX_DISK: '1g' }, '--max-disk', '10MB'), 'TSB_STORE_CAP')
  assert.equal(await codeOf(config('small.json'), '--max-disk', '0'), undefined)
  assert.equal(await codeOf(config('bad.json')), 'TSB_CONFIG_INVALID')
  assert.equal(await codeOf(config('absent.json')), 'TSB_CONFIG_INVALID')
  assert.equal(await codeOf({ TSBUILD_MAX_DISK: 'much' }), 'TSB_USAGE_INVALID_VALUE')
})

test('what is imported or packed keeps within it, too', async () => {
  await using project = await openProject({ Dockerfile: steps('head -c 12000000 /dev/urandom > /a') })
  const { tsbuild, directory } = project
  const env = { TSBUILD_MAX_DISK: '24MB' }
  await tsbuild.must(['-t', 'app', directory], { env })
  const archive = join(directory, 'app.tar')
  const codeOf = async (...args: readonly string[]): Promise<string | undefined> =>
    /TSB_[A-Z_]+/.exec((await tsbuild.run(args, { env })).stderr)?.[0]
  const watched = watchStore(tsbuild.root)
  // Cached, but its blob is as large again.
  assert.equal(await codeOf('-o', `type=oci,dest=${archive}`, directory), 'TSB_STORE_CAP')
  await tsbuild.must(['run', 'app', 'true'], { env })
  await tsbuild.must(['save', '-o', archive, 'app'])
  const most = await watched.stop()
  assert.ok(most <= 32_000_000, `${most}`)
  await using other = await openProject({})
  const small = { TSBUILD_MAX_DISK: '12MB' }
  const before = allocatedBytes(other.tsbuild.root)
  const { code } = await other.tsbuild.run(['load', '-i', archive], { env: small })
  assert.equal(code, 3)
  assert.ok(allocatedBytes(other.tsbuild.root) < before + 1_000_000)
})

test('who finds no room waits for a build that holds it', async () => {
  await using project = await openProject({
    'a/Dockerfile': steps(write('a', 30, 'a'), 'touch /begun; sleep 3'),
    'b/Dockerfile': 'FROM scratch\nCOPY large /\n',
  })
  const { tsbuild, directory } = project
  writeFileSync(join(directory, 'b/large'), randomBytes(10_000_000))
  const cap = ['--max-disk', `${CAP}`]
  const watched = watchStore(tsbuild.root)
  let isRunning = true
  const holding = tsbuild.run([...cap, join(directory, 'a')]).finally(() => {
    isRunning = false
  })
  while (allocatedBytes(tsbuild.root) < 30_000_000) assert.ok(isRunning)
  const waiting = await tsbuild.run([...cap, '-t', 'b', join(directory, 'b')])
  assert.equal(waiting.code, 0, waiting.stderr)
  assert.equal(isRunning, false)
  assert.equal((await holding).code, 0)
  const most = await watched.stop()
  assert.ok(most <= CAP, `${most} of ${CAP}`)
})
