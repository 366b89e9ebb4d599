import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { leftovers } from '../../support/leftovers.ts'
import { buildSteps } from '../../support/steps.ts'
import { openProject } from '../project.ts'

const OPTIONS = { timeout: 120_000 }

// Docker's own image store knows no OCI layouts, so nothing is compared here.
describe('an image of an OCI layout as a context', () => {
  test('is found by tag and by digest, is the only one without either, and gets no name', OPTIONS, async () => {
    await using project = await openProject({ Dockerfile: 'FROM busybox\nCOPY f /f\nENV SEEN=one\n', f: 'one' })
    const { tsbuild, directory } = project
    await tsbuild.must(['build', '-t', 'app:v1', '-o', `type=oci,dest=${directory}/layout,tar=false`, directory])
    await tsbuild.must(['rmi', 'app:v1']).catch(() => undefined)
    const index: { manifests: { digest: string }[] } = JSON.parse(readFileSync(join(directory, 'layout/index.json'), 'utf8'))
    const named = await tsbuild.must(['images', '-q'])
    project.write({ 'next/Dockerfile': 'FROM base\nRUN [ "$SEEN" = one ] && cp /f /g\n' })
    const build = (value: string): Promise<string> =>
      tsbuild.must(['build', '--build-context', `base=oci-layout://${value}`, '-o', `${directory}/out`, `${directory}/next`])
    for (const suffix of ['', ':v1', `@${index.manifests[0]?.digest}`, `:other@${index.manifests[0]?.digest}`]) {
      await build(`${directory}/layout${suffix}`)
      assert.equal(readFileSync(join(directory, 'out/g'), 'utf8'), 'one')
    }
    assert.equal(await tsbuild.must(['images', '-q']), named)
    assert.deepEqual(await leftovers(tsbuild.root), [])
  })

  test('that is not there says what there is', OPTIONS, async () => {
    await using project = await openProject({ Dockerfile: 'FROM base\n', 'empty/x': '', 'bad/index.json': '{}' })
    const { tsbuild, directory } = project
    const build = async (value: string): Promise<readonly [number, string | undefined]> => {
      const { code, stderr } = await tsbuild.run(['build', '--build-context', `base=oci-layout://${value}`, directory])
      return [code, /\[(TSB_\w+)\]/.exec(stderr)?.[1]]
    }
    assert.deepEqual(await build(`${directory}/nowhere`), [1, 'TSB_CONTEXT_MISSING'])
    assert.deepEqual(await build(`${directory}/empty`), [1, 'TSB_ARCHIVE_INVALID'])
    assert.deepEqual(await build(`${directory}/bad`), [1, 'TSB_ARCHIVE_INVALID'])
    assert.deepEqual(await build(`${directory}/empty@sha256:12`), [2, 'TSB_CONTEXT_LAYOUT'])
    assert.deepEqual(await build(''), [2, 'TSB_CONTEXT_LAYOUT'])
  })
})

test('a context is an earlier stage, and one that stands later is refused', OPTIONS, async () => {
  const dockerfile = 'FROM busybox AS made\nRUN echo made > /f\nFROM scratch\nCOPY --from=other /f /\n'
  await using project = await openProject({ Dockerfile: dockerfile })
  const { tsbuild, directory } = project
  await tsbuild.must(['build', '--build-context', 'other=target:made', '-o', `${directory}/out`, directory])
  assert.equal(readFileSync(join(directory, 'out/f'), 'utf8'), 'made\n')
  const { code, stderr } = await tsbuild.run(['build', '--build-context', 'other=target:nowhere', directory])
  assert.deepEqual([code, /\[(TSB_\w+)\]/.exec(stderr)?.[1]], [1, 'TSB_DOCKERFILE_STAGE_ORDER'])
})

test('a named directory is scanned for what is used of it, and only an edit of that runs a step again', OPTIONS, async () => {
  await using project = await openProject({ Dockerfile: 'FROM busybox\nCOPY --from=more a /\n', 'more/a': 'a', 'more/b': 'b' })
  const { tsbuild, directory } = project
  const build = () => buildSteps(tsbuild, ['--build-context', `more=${directory}/more`, directory])
  await build()
  project.write({ 'more/b': 'changed' })
  assert.deepEqual(
    (await build()).ran.filter((name) => name.includes('COPY')),
    [],
  )
  project.write({ 'more/a': 'changed' })
  assert.equal((await build()).ran.filter((name) => name.includes('COPY')).length, 1)
})

test('the ignore file of a named directory is named with the line that hides a source', OPTIONS, async () => {
  await using project = await openProject({
    Dockerfile: 'FROM scratch\nCOPY --from=more a /\n',
    'more/a': 'a',
    'more/.dockerignore': '# everything\n*\n',
  })
  const { tsbuild, directory } = project
  const { code, stderr } = await tsbuild.run(['build', '--build-context', `more=${directory}/more`, directory])
  assert.equal(code, 1)
  assert.match(stderr, /TSB_COPY_SOURCE_MISSING/)
  assert.match(stderr, /`\*` on line 2 of `.*more\/\.dockerignore`/)
})
