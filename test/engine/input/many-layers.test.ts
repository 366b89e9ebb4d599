import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { leftovers } from '../../support/leftovers.ts'
import { openTsbuild } from '../../support/tsbuild.ts'
import { openProject } from '../project.ts'

const LAYERS = 200

/** Each step adds a file and takes the one of two steps before away, so that layers hide what others have. */
function dockerfile(last: string): string {
  const steps = Array.from({ length: LAYERS - 2 }, (_, n) => `COPY f${n % 2} /d/${n}\n`)
  return `FROM busybox\n${steps.join('')}RUN rm /d/7 && ${last}\n`
}

for (const [what, stores] of [
  ['', ''],
  [', below a long path', `${'long'.repeat(50)}/${'path'.repeat(50)}`],
] as const) {
  test(`an image of ${LAYERS} layers is built, run, exported and read again${what}`, { timeout: 300_000 }, async () => {
    await using project = await openProject({ Dockerfile: dockerfile('ls /d | wc -l > /count'), f0: 'even\n', f1: 'odd\n' })
    const { tsbuild, directory } = project
    const env = { TSBUILD_ROOT: join(tsbuild.root, stores) }
    const archive = join(tsbuild.root, 'many.tar')
    const busybox = join(tsbuild.root, 'busybox.tar')
    await tsbuild.must(['save', '-o', busybox, 'busybox'])
    await tsbuild.must(['load', '-i', busybox], { env })
    await tsbuild.must(['build', '-q', '-t', 'many', '-o', `type=oci,dest=${archive}`, directory], { env })
    const look = ['--network', 'none', 'many', 'sh', '-c', 'cat /count /d/6 /d/197; ls /d | wc -l; ls /d/7 2>/dev/null']
    const seen = { code: 1, stdout: '197\neven\nodd\n197\n', stderr: '' }
    assert.deepEqual(await tsbuild.run(['run', ...look], { env }), seen)
    await using other = await openTsbuild()
    await other.must(['load', '-i', archive])
    assert.deepEqual(await other.run(['run', ...look]), seen)
    rmSync(archive)
    project.write({ Dockerfile: dockerfile('echo again > /count') })
    await tsbuild.must(['build', '-q', directory], { env })
    assert.deepEqual(await leftovers(tsbuild.root), [])
  })
}
