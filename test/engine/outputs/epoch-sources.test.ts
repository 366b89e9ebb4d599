import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { type Handler, startServer } from '../../support/http-server.ts'
import { mustRun } from '../../support/process.ts'
import { flattenImage } from '../../tools/compare/image.ts'
import { openProject, type Project } from '../project.ts'

const MODIFIED = 'Sun, 09 Sep 2001 01:46:40 GMT'
const CREATED = '2001-09-09T01:46:40Z'
const notRoot = process.getuid?.() === 0 ? false : 'only root can unpack archives with their owners'

/** `/dated` says when it was modified, `/archive` holds files of the years 1970 to 2001, `/text` says nothing. */
async function serve(project: Project): Promise<Handler> {
  const { directory } = project
  writeFileSync(join(directory, 'old'), 'old')
  writeFileSync(join(directory, 'new'), 'new')
  await mustRun('touch', ['-d', '@5', 'old'], { cwd: directory })
  await mustRun('touch', ['-d', '@1000000000', 'new'], { cwd: directory })
  await mustRun('mkdir', ['-p', 'd'], { cwd: directory })
  await mustRun('sh', ['-c', 'tar -czf a.tgz old new d'], { cwd: directory })
  const archive = readFileSync(join(directory, 'a.tgz'))
  return (request, response) => {
    if (request.url === '/dated') response.setHeader('last-modified', MODIFIED)
    response.end(request.url === '/archive' ? archive : 'text')
  }
}

async function createdOf({ tsbuild, directory }: Project, ...args: readonly string[]): Promise<string | undefined> {
  const result = join(directory, 'result.tar')
  await tsbuild.must(['build', '-q', '-o', `type=docker,dest=${result}`, ...args, directory])
  return (await flattenImage(result)).config.created
}

describe('SOURCE_DATE_EPOCH by name', { skip: notRoot }, () => {
  test('is the time of a context of the web: what its server says, else of the newest file of an archive', async () => {
    await using project = await openProject({ Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' })
    await using server = await startServer(await serve(project))
    const created = (path: string): Promise<string | undefined> =>
      createdOf(project, '--build-arg', 'SOURCE_DATE_EPOCH=source', '--build-context', `source=http://${server.host}/${path}`)
    assert.equal(await created('dated'), CREATED)
    assert.equal(await created('archive'), CREATED)
    assert.notEqual(await created('text'), CREATED)
  })

  test('is the time of what a stage fetches', async () => {
    await using project = await openProject({})
    await using server = await startServer(await serve(project))
    for (const [path, same] of [
      ['dated', true],
      ['archive', true],
      ['text', false],
    ] as const) {
      const stage = `FROM scratch AS source\nADD http://${server.host}/${path} /\n`
      project.write({ Dockerfile: `ARG SOURCE_DATE_EPOCH=source\n${stage}FROM scratch\nCOPY Dockerfile /\n` })
      assert.equal((await createdOf(project)) === CREATED, same, path)
    }
  })
})
