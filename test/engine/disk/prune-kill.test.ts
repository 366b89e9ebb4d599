import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { runFaulty } from '../../support/faults.ts'
import { openProject } from '../project.ts'

/** Points at which a prune is killed, spread over all of its calls. */
const KILLS = 5

test('wherever a prune is killed, the next build cleans up after it', async () => {
  await using project = await openProject({
    Dockerfile: 'FROM busybox\nCOPY words /\nRUN --mount=type=cache,target=/c echo c > /c/f; echo a > /a\nRUN echo b > /b\n',
    words: 'words '.repeat(10_000),
  })
  const { tsbuild, directory } = project
  // Results that no image with a name needs, and a blob beside them.
  for (const round of [1, 2, 3]) {
    writeFileSync(join(directory, 'words'), `${round}`.repeat(10_000))
    await tsbuild.must(['-q', '-t', 'app', '-o', `type=oci,dest=${join(directory, 'out')}`, directory])
  }
  const template = join(directory, 'template')
  copy(tsbuild.root, template)
  const prune = ['prune', '-af']
  const calls = ['rename', 'remove', 'make'] as const
  const { counted, code } = await runFaulty(tsbuild.root, prune, { calls })
  assert.equal(code, 0)
  assert.ok(counted > KILLS, `${counted} calls`)
  for (let kill = 0; kill < KILLS; kill++) {
    const at = 1 + Math.floor((kill * (counted - 1)) / (KILLS - 1))
    rmSync(tsbuild.root, { recursive: true })
    copy(template, tsbuild.root)
    const { hits } = await runFaulty(tsbuild.root, prune, { calls, fault: { kind: 'kill', at, whom: 'main' } })
    const report = await tsbuild.run(['doctor', '--store'])
    assert.equal(report.code, 0, `${at} of ${counted}, ${JSON.stringify(hits)}: ${report.stdout}`)
    await tsbuild.must(['-q', '--no-cache', '-t', 'next', directory])
    assert.match(await tsbuild.must(['doctor', '--store']), /sound/, `${at} of ${counted}`)
    assert.equal(await tsbuild.must(['run', 'next', 'cat', '/a', '/b']), 'a\nb\n')
  }
})

/** With owners, modes, and files that have several names. */
function copy(from: string, to: string): void {
  execFileSync('cp', ['-a', from, to])
}
