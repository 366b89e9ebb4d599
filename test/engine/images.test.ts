import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openProject } from './project.ts'

test('images are listed by the time they say they were made, not by when the store got them', async () => {
  await using project = await openProject({ Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' })
  const { tsbuild, directory } = project
  for (const [name, year] of [
    ['middle', 2],
    ['old', 1],
    ['new', 3],
  ] as const) {
    await tsbuild.must(['build', '-q', '-t', name, directory], { env: { SOURCE_DATE_EPOCH: String(year * 31_536_000) } })
  }
  const listed = (await tsbuild.must(['images', '--format', 'json'])).trim().split('\n')
  assert.deepEqual(
    listed.map((line) => JSON.parse(line).Repository),
    ['busybox', 'new', 'middle', 'old'],
  )
})
