import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { readBuild } from '../../../cli/commands/build.ts'
import type { BuildEvent } from '../../../core/event.ts'
import { openEngine, parseOutput, parseSecret, parseSsh } from '../../../engine/index.ts'
import { LAUNCHER } from '../../support/tsbuild.ts'
import { compareImages } from '../../tools/compare/difference.ts'
import { flattenImage } from '../../tools/compare/image.ts'
import { openProject } from '../project.ts'

const DOCKERFILE = [
  'FROM busybox AS one',
  'RUN mkdir /d && echo one > /d/one',
  'FROM busybox',
  'RUN --mount=type=bind,from=one,source=/d,target=/m cp /m/one /two; rm -rf /home',
  'COPY f /d/',
  'COPY --link --from=one /d /d/',
].join('\n')

/**
 * Builds what is made already, to an archive, once for each of its events that `wants` names, with a prune at that event; and asserts
 * that each makes the same image.
 */
export async function assertPrunesHarmless(output: string, wants: (event: BuildEvent) => boolean): Promise<void> {
  await using project = await openProject({ Dockerfile: DOCKERFILE, f: 'f' })
  const { tsbuild, directory } = project
  const env = { ...process.env, TSBUILD_ROOT: tsbuild.root }
  const archive = `${directory}.tar`
  const options = readBuild(['--output', `${output},dest=${archive}`, directory], { parseOutput, parseSecret, parseSsh })
  const build = async (onEvent: (event: BuildEvent) => void): Promise<void> => {
    await using engine = await openEngine({ env })
    await engine.build(options, onEvent, new AbortController().signal)
  }
  try {
    await build(() => {})
    const expected = await flattenImage(archive)
    const events: BuildEvent[] = []
    await build((event) => void events.push(event))
    const places = [...events.keys()].filter((index) => wants(events[index] as BuildEvent))
    assert.ok(places.length > 0)
    for (const place of places) {
      let count = 0
      await build(() => {
        if (count === place) pruneNow(env)
        count += 1
      })
      assert.deepEqual(compareImages(await flattenImage(archive), expected), [], `at event ${place}, ${JSON.stringify(events[place])}`)
    }
    assert.match(await tsbuild.must(['doctor', '--store']), /sound/)
  } finally {
    rmSync(archive, { force: true })
  }
}

/** As another process does, while this one stands still. */
function pruneNow(env: NodeJS.ProcessEnv): void {
  const { status, stderr } = spawnSync(process.execPath, [LAUNCHER, 'prune', '-af'], { env, encoding: 'utf8' })
  assert.equal(status, 0, stderr)
}
