import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { REPOSITORY } from '../../support/paths.ts'
import { mustRun } from '../../support/process.ts'
import { openProject, type Project } from '../project.ts'

/**
 * Ways to bust a cache. A case: what it is about, then `-- name --` sections: `Dockerfile`; `setup`, a shell script that makes the files;
 * `flags`; `change`, a script between the two builds; `flags then` of the second one; `misses`, why its steps ran. UPDATE=1 rewrites those.
 */
const CASES = join(REPOSITORY, 'testdata/explain')

const names = readdirSync(CASES).filter((name) => name.endsWith('.txt'))

test('there are many ways to bust a cache', () => assert.ok(names.length >= 25, String(names.length)))

for (const name of names) {
  test(name.replace(/\.txt$/, ''), { timeout: 60_000 }, async () => {
    const path = join(CASES, name)
    const [comment = '', ...parts] = readFileSync(path, 'utf8').split(/^-- (.+) --\n/m)
    const sections = new Map(parts.flatMap((title, index) => (index % 2 === 0 ? [[title, parts[index + 1] ?? ''] as const] : [])))
    await using project = await openProject({})
    await using web = await serve(join(project.directory, 'web'))
    const misses = await secondBuild(project, sections, web.address)
    if (process.env['UPDATE'] === '1') {
      sections.set('misses', misses)
      writeFileSync(path, comment + [...sections].map(([title, text]) => `-- ${title} --\n${text}`).join(''))
    }
    assert.equal(misses, sections.get('misses'), `${name} (UPDATE=1 rewrites it)`)
  })
}

async function secondBuild(project: Project, sections: ReadonlyMap<string, string>, web: string): Promise<string> {
  const { tsbuild, directory } = project
  mkdirSync(join(directory, 'context'))
  const text = (title: string): string => (sections.get(title) ?? '').replaceAll('@WEB@', web).replaceAll('@DIR@', directory)
  const words = (title: string): readonly string[] =>
    text(title)
      .split(/\s+/)
      .filter((word) => word !== '')
  const shell = (script: string): Promise<string> =>
    mustRun('/bin/sh', ['-euc', script], {
      cwd: join(directory, 'context'),
      env: {
        ...process.env,
        TSBUILD_ROOT: tsbuild.root,
        TSBUILD: `${process.execPath} ${join(REPOSITORY, 'cli/bin/tsbuild.cjs')}`,
        WEB_ROOT: join(directory, 'web'),
      },
    })
  const build = async (flags: readonly string[]): Promise<string> =>
    (await tsbuild.run(['--progress', 'plain', ...flags, join(directory, 'context')])).stderr
  project.write({ 'context/Dockerfile': text('Dockerfile'), 'web/f': 'one' })
  await shell(text('setup'))
  const first = missesOf(await build(words('flags')))
  assert.equal(first, '', 'the first build of a project is quiet')
  await shell(text('change'))
  const then = await build([...words('flags'), ...words('flags then')])
  assert.doesNotMatch(then, /^error:/m)
  return missesOf(then.replaceAll(web, '@WEB@'))
}

/** The lines that tell of misses, in the order of the steps, with what differs from run to run taken out. */
function missesOf(progress: string): string {
  const lines = progress.split('\n').filter((line) => /^#\d+ miss: /.test(line))
  return lines.map((line) => `${line.replace(/^#\d+ miss: /, '').replace(/(sha256:)[0-9a-f]+/g, '$1…')}\n`).join('')
}

/** A server of the files in a directory. */
async function serve(root: string): Promise<{ readonly address: string } & AsyncDisposable> {
  const server = createServer((request, response) => response.end(readFileSync(join(root, request.url ?? '/'))))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    address: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
