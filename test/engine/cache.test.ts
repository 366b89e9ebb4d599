import assert from 'node:assert/strict'
import { chmodSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { countContainers } from '../support/container-counter.ts'
import { leftovers } from '../support/leftovers.ts'
import { buildSteps } from '../support/steps.ts'
import { flattenImage } from '../tools/compare/image.ts'
import { openProject } from './project.ts'

const DOCKERFILE = `FROM busybox AS build
WORKDIR /src
COPY a.txt .
RUN cat a.txt > a.out
COPY b.txt .
RUN cat a.out b.txt > b.out

FROM busybox AS other
RUN echo other > /other

FROM scratch
COPY --from=build /src/b.out /
COPY --from=other /other /
CMD ["/b.out"]
`

test('a second build starts no container, and an edit re-runs exactly what depends on it', { timeout: 120_000 }, async () => {
  await using project = await openProject({ Dockerfile: DOCKERFILE, 'a.txt': 'a', 'b.txt': 'b' })
  await using counter = await countContainers()
  const { tsbuild, directory } = project
  const build = () => buildSteps(tsbuild, ['-t', 'app', directory], counter.env)
  const id = async () => (await tsbuild.must(['images', '-q', '--no-trunc'])).split('\n')[0]

  await build()
  assert.equal(await counter.take(), 3)
  const first = await id()

  const again = await build()
  assert.equal(await counter.take(), 0)
  assert.deepEqual(again.ran, [])
  assert.equal(again.cached.length >= 8, true, again.cached.join())
  assert.equal(await id(), first)

  const now = new Date()
  utimesSync(join(directory, 'a.txt'), now, now)
  assert.deepEqual((await build()).ran, [], 'touching re-runs nothing')
  assert.equal(await id(), first)

  writeFileSync(join(directory, 'b.txt'), 'B')
  const edited = await build()
  assert.deepEqual(
    edited.ran.map((name) => name.replace(/^\[.*?\] /, '')),
    ['COPY b.txt .', 'RUN cat a.out b.txt > b.out', 'COPY --from=build /src/b.out /', 'COPY --from=other /other /'],
  )
  assert.equal(await counter.take(), 1)

  chmodSync(join(directory, 'a.txt'), 0o600)
  assert.ok(
    (await build()).ran.some((name) => name.includes('COPY a.txt')),
    'a mode is content',
  )
  assert.deepEqual(await leftovers(tsbuild.root), [])
})

test('same size and same mtime with other bytes is seen', { timeout: 60_000 }, async () => {
  await using project = await openProject({ Dockerfile: 'FROM busybox\nCOPY f /f\n', f: 'one' })
  const { tsbuild, directory } = project
  const past = new Date(Date.now() - 3_600_000)
  utimesSync(join(directory, 'f'), past, past)
  await buildSteps(tsbuild, [directory])
  writeFileSync(join(directory, 'f'), 'two')
  utimesSync(join(directory, 'f'), past, past)
  assert.ok((await buildSteps(tsbuild, [directory])).ran.some((name) => name.includes('COPY f /f')))
})

test('a re-run step with the same output leaves the steps behind it cached', { timeout: 60_000 }, async () => {
  const dockerfile = (first: string): string => `FROM busybox\nRUN ${first}\nRUN echo two > /two\nRUN echo three > /three\n`
  await using project = await openProject({ Dockerfile: dockerfile('echo one > /one') })
  const { tsbuild, directory } = project
  await buildSteps(tsbuild, ['-t', 'one', directory])
  project.write({ Dockerfile: dockerfile('printf "one\\n" > /one') })
  const edited = await buildSteps(tsbuild, ['-t', 'two', directory])
  assert.deepEqual(edited.ran.length, 1, edited.ran.join())
  assert.equal(await tsbuild.must(['run', '--rm', '--network', 'none', 'two', 'cat', '/one', '/two', '/three']), 'one\ntwo\nthree\n')
})

test('--no-cache runs everything again and gives the same image', { timeout: 60_000 }, async () => {
  await using project = await openProject({ Dockerfile: 'FROM busybox\nRUN echo x > /x\nCOPY f /\n', f: 'f' })
  const { tsbuild, directory } = project
  const first = await tsbuild.must(['build', '-q', directory])
  const again = await buildSteps(tsbuild, ['--no-cache', directory])
  assert.equal(again.ran.length >= 2, true)
  assert.equal(await tsbuild.must(['build', '-q', directory]), first)
})

test('unreached stages do not run and independent ones run in parallel', { timeout: 60_000 }, async () => {
  const stage = (name: string): string => `FROM busybox AS ${name}\nRUN date +%s > /${name}; sleep 2; date +%s >> /${name}\n`
  const dockerfile = `${stage('one')}${stage('two')}FROM busybox AS never\nRUN exit 1\nFROM scratch\nCOPY --from=one /one /\nCOPY --from=two /two /\n`
  await using project = await openProject({ Dockerfile: dockerfile })
  const { tsbuild, directory } = project
  const output = join(directory, 'out')
  const { ran } = await buildSteps(tsbuild, ['--output', output, directory])
  assert.ok(!ran.some((name) => name.includes('exit 1')))
  const [one = [], two = []] = ['one', 'two'].map((name) => readFileSync(join(output, name), 'utf8').trim().split('\n').map(Number))
  const [begins, ends] = [
    [one[0] ?? 0, two[0] ?? 0],
    [one[1] ?? 0, two[1] ?? 0],
  ]
  assert.ok(Math.max(...begins) < Math.min(...ends), `one ran ${one.join(' to ')}, two ran ${two.join(' to ')}`)
})

/** Names of steps without their numbers. */
const plain = (names: readonly string[]): readonly string[] => names.map((name) => name.replace(/^\[.*?\] /, ''))

test('only what is copied counts: not what is excluded, and not what no pattern of --parents takes', { timeout: 60_000 }, async () => {
  const Dockerfile = `FROM scratch AS excluded
COPY --exclude=*.log --exclude=!kept.log d /d/
FROM scratch AS parents
COPY --parents d/**/*.txt /p/
FROM scratch
COPY --from=excluded / /
COPY --from=parents / /
`
  const files = { 'd/a.txt': 'a', 'd/x.log': 'x', 'd/kept.log': 'k', 'd/sub/b.txt': 'b' }
  await using project = await openProject({ Dockerfile, ...files })
  const { tsbuild, directory } = project
  const build = async (change: Readonly<Record<string, string>>): Promise<readonly string[]> => {
    project.write(change)
    return plain((await buildSteps(tsbuild, [directory])).ran).filter((name) => !name.includes('--from'))
  }
  assert.equal((await build({})).length, 2)
  assert.deepEqual(await build({}), [])
  const [exclude, parents] = ['COPY --exclude=*.log --exclude=!kept.log d /d/', 'COPY --parents d/**/*.txt /p/']
  assert.deepEqual(await build({ 'd/x.log': 'other', 'd/y.log': 'new' }), [], 'what is excluded may change')
  assert.deepEqual(await build({ 'd/kept.log': 'other' }), [exclude], 'what is taken back may not')
  assert.deepEqual(await build({ 'd/sub/b.txt': 'other' }), [exclude, parents])
  const renamed = Dockerfile.replace('*.log --', 'x.log --exclude=y.log --').replace('d/**/*.txt', 'd/a.txt d/sub/b.txt')
  const ran = await build({ Dockerfile: renamed })
  assert.deepEqual(
    ran.filter((name) => name.includes('exclude')),
    [],
    'the same files by other patterns are the same files',
  )
})

test('what is linked is not copied again when the root below it changes', { timeout: 60_000 }, async () => {
  const dockerfile = (base: string): string => `FROM busybox AS base
RUN echo ${base} > /base
FROM base
COPY --link d /d/
RUN cat /base /d/f > /both
`
  await using project = await openProject({ Dockerfile: dockerfile('one'), 'd/f': 'f' })
  const { tsbuild, directory } = project
  const layers = async (): Promise<readonly string[]> => {
    const archive = join(directory, 'app.tar')
    await tsbuild.must(['save', '-o', archive, 'app'])
    return (await flattenImage(archive, 'app:latest')).config.rootfs.diff_ids
  }
  await buildSteps(tsbuild, ['-t', 'app', directory])
  const before = await layers()
  project.write({ Dockerfile: dockerfile('two') })
  const { ran, cached } = await buildSteps(tsbuild, ['-t', 'app', directory])
  assert.deepEqual(plain(ran), ['RUN echo two > /base', 'LINK COPY --link d /d/', 'RUN cat /base /d/f > /both'])
  assert.ok(plain(cached).includes('COPY --link d /d/'))
  const after = await layers()
  assert.equal(after.at(-2), before.at(-2), 'the very same layer')
  assert.notEqual(after.at(-3), before.at(-3))
  assert.equal(await tsbuild.must(['run', '--rm', 'app', 'cat', '/both']), 'two\nf')
  project.write({ Dockerfile: dockerfile('one') })
  assert.deepEqual(plain((await buildSteps(tsbuild, ['-t', 'app', directory])).ran), [], 'the first stack is still known')
  assert.deepEqual(await layers(), before)
})
