import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countContainers } from '../support/container-counter.ts'
import { buildSteps } from '../support/steps.ts'
import { openProject } from './project.ts'

const STEPS = Array.from({ length: 10 }, (_, index) => `RUN echo ${index} > /${index}`)
const TWELVE = ['FROM busybox AS build', 'RUN echo first > /first', ...STEPS, ''].join('\n')

test('with one of twelve steps run again and the same output, ten are reused and the image stays', { timeout: 120_000 }, async () => {
  await using project = await openProject({ Dockerfile: TWELVE })
  await using counter = await countContainers()
  const { tsbuild, directory } = project
  const build = (...more: string[]) => buildSteps(tsbuild, [...more, '-t', 'app', directory], counter.env)
  const id = async () => (await tsbuild.must(['images', '-q', '--no-trunc'])).split('\n')[0]
  await build()
  const first = await id()
  await counter.take()
  const again = await build('--no-cache-filter', 'build:2')
  assert.deepEqual(again.ran, ['[ 2/12] RUN echo first > /first'])
  assert.deepEqual([...again.unchanged.keys()], again.ran)
  assert.equal(again.cached.filter((name) => name.includes('RUN')).length, 10)
  assert.equal(await counter.take(), 1)
  assert.equal(await id(), first)
})

test('a stage that is named runs again, but for its WORKDIRs, and the others do not', { timeout: 60_000 }, async () => {
  const Dockerfile =
    'FROM busybox AS One\nWORKDIR /a\nRUN cat /proc/sys/kernel/random/uuid > one\nCOPY f g\nFROM busybox\nRUN echo > /2\nCOPY --from=one /a /a\n'
  await using project = await openProject({ Dockerfile, f: 'f' })
  const { tsbuild, directory } = project
  await buildSteps(tsbuild, [directory])
  const { ran, unchanged } = await buildSteps(tsbuild, ['--no-cache-filter=one,other', directory])
  assert.deepEqual(ran, [
    '[one 3/4] RUN cat /proc/sys/kernel/random/uuid > one',
    '[one 4/4] COPY f g',
    '[stage-1 3/3] COPY --from=one /a /a',
  ])
  assert.deepEqual([...unchanged.keys()], [], 'another output, and a copy on another root')
  const byNumber = await buildSteps(tsbuild, ['--no-cache-filter=one:2', '--no-cache-filter=stage-1:2', directory])
  assert.deepEqual(byNumber.ran, ['[one 2/4] WORKDIR /a', '[stage-1 2/3] RUN echo > /2'])
})

test('a variable that changes nothing but the key is no change of the output', { timeout: 60_000 }, async () => {
  const Dockerfile = 'FROM busybox\nARG SHA\nRUN echo x > /x\nRUN cat /x > /y\n'
  await using project = await openProject({ Dockerfile })
  const { tsbuild, directory } = project
  const build = (sha: string) => buildSteps(tsbuild, ['--build-arg', `SHA=${sha}`, directory])
  await build('1')
  const { ran, unchanged } = await build('2')
  // Each has the variable in its environment, so each has to show that it does not matter.
  assert.deepEqual([...unchanged.keys()], ran)
  assert.equal(ran.length, 2)
})

test('what a step rewrites to the same content is no change, though its layer would be another', { timeout: 60_000 }, async () => {
  const Dockerfile =
    'FROM busybox\nRUN echo same > /f\nRUN --mount=type=cache,target=/c if [ -e /c/again ]; then cp -p /f /g && mv /g /f; fi; touch /c/again\n'
  await using project = await openProject({ Dockerfile })
  const { tsbuild, directory } = project
  const first = await tsbuild.must(['build', '-q', directory])
  // The cache mount is kept: the step is run again by its key, not by a flag.
  const again = await buildSteps(tsbuild, ['--build-arg', 'x=1', directory])
  assert.deepEqual(again.ran, [])
  project.write({ Dockerfile: Dockerfile.replace('FROM busybox\n', 'FROM busybox\nENV A=1\n') })
  const changed = await buildSteps(tsbuild, [directory])
  assert.deepEqual([...changed.unchanged.keys()], changed.ran)
  assert.equal(changed.ran.length, 2)
  project.write({ Dockerfile })
  assert.equal(await tsbuild.must(['build', '-q', directory]), first)
})

test('two equal stages run once, also when the cache is ignored', { timeout: 60_000 }, async () => {
  const stage = (name: string) => `FROM busybox AS ${name}\nRUN echo same > /same\n`
  const Dockerfile = `${stage('one')}${stage('two')}FROM scratch\nCOPY --from=one /same /1\nCOPY --from=two /same /2\n`
  await using project = await openProject({ Dockerfile })
  await using counter = await countContainers()
  for (const flags of [[], ['--no-cache']]) {
    await buildSteps(project.tsbuild, [...flags, project.directory], counter.env)
    assert.equal(await counter.take(), 1)
  }
})

test('with --volatile, a step that changed nothing else keeps its earlier output as a whole', { timeout: 60_000 }, async () => {
  const noise = 'cat /proc/sys/kernel/random/uuid'
  const Dockerfile = `FROM busybox\nRUN mkdir -p /var/log/apt && ${noise} > /var/log/apt/history.log && echo x > /x\nRUN cat /var/log/apt/history.log > /seen\n`
  await using project = await openProject({ Dockerfile })
  const { tsbuild, directory } = project
  const logged = async (): Promise<string> =>
    tsbuild.must(['run', '--rm', '--network', 'none', 'app', 'cat', '/var/log/apt/history.log', '/seen'])
  const build = (...more: string[]) => buildSteps(tsbuild, [...more, '-t', 'app', directory])
  await build()
  const [first, image] = [await logged(), await tsbuild.must(['images', '-q', '--no-trunc'])]
  const again = await build('--no-cache-filter', '0:2', '--volatile', 'var/log/**')
  const [name = ''] = again.ran
  assert.equal(again.ran.length, 1)
  assert.match(again.unchanged.get(name) ?? '', /but for var\/log\/apt\/history\.log$/)
  assert.equal(await logged(), first)
  assert.equal(await tsbuild.must(['images', '-q', '--no-trunc']), image)

  const other = await build('--no-cache-filter', '0:2', '--volatile', 'var/cache')
  assert.equal(other.ran.length, 2, 'what is not volatile counts')
  assert.deepEqual([...other.unchanged], [])
  assert.notEqual(await logged(), first)
})

test('a result that stands only by --volatile is of no other build', { timeout: 60_000 }, async () => {
  const dockerfile = (sha: string) => `FROM busybox\nENV SHA=${sha}\nRUN env > /env.txt && echo x > /x\n`
  await using project = await openProject({ Dockerfile: dockerfile('1') })
  const { tsbuild, directory } = project
  const build = (...more: string[]) => buildSteps(tsbuild, [...more, '-t', 'app', directory])
  const seen = async (): Promise<string> => tsbuild.must(['run', '--rm', '--network', 'none', 'app', 'cat', '/env.txt'])
  await build()
  project.write({ Dockerfile: dockerfile('2') })
  assert.equal((await build('--volatile', '*.txt')).unchanged.size, 1)
  assert.match(await seen(), /^SHA=1$/m)
  assert.equal((await build('--volatile', '*.txt')).ran.length, 0, 'whoever wants it so again has it')
  assert.equal((await build()).ran.length, 1)
  assert.match(await seen(), /^SHA=2$/m)
})

test('a volatile path that is no pattern is refused before anything runs', { timeout: 60_000 }, async () => {
  await using project = await openProject({ Dockerfile: 'FROM busybox\nRUN true\n' })
  const { code, stderr } = await project.tsbuild.run(['build', '--volatile', '[', project.directory])
  assert.equal(code, 1)
  assert.match(stderr, /\[TSB_PATTERN_INVALID\]/)
})
