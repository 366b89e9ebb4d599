import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { buildSteps } from '../support/steps.ts'
import { flattenImage } from '../tools/compare/image.ts'
import { openProject } from './project.ts'

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
