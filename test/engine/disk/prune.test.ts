import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { readBuild } from '../../../cli/commands/build.ts'
import type { BuildEvent } from '../../../core/event.ts'
import { openEngine, parseOutput, parseSecret, parseSsh } from '../../../engine/index.ts'
import type { BuildOptions } from '../../../engine/types.ts'
import { REPOSITORY } from '../../support/paths.ts'
import { openProject, type Project } from '../project.ts'
import { allocatedBytes } from './watch-store.ts'

const LAUNCHER = join(REPOSITORY, 'cli/bin/tsbuild.cjs')

const TWO_STAGES = [
  'FROM busybox AS one',
  'RUN echo one > /one',
  'FROM busybox',
  'RUN echo two > /two',
  'ARG WAIT',
  'RUN $WAIT true; echo three > /three',
  'COPY --from=one /one /',
].join('\n')

function optionsFor({ directory }: Project, ...flags: readonly string[]): BuildOptions {
  return readBuild([...flags, directory], { parseOutput, parseSecret, parseSsh })
}

/** As another process does, while this one stands still. */
function pruneNow(root: string): void {
  const { status, stderr } = spawnSync(process.execPath, [LAUNCHER, 'prune', '-af'], {
    env: { ...process.env, TSBUILD_ROOT: root },
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
}

test('what is evicted between its look-up and its use is made again', async () => {
  await using project = await openProject({ Dockerfile: TWO_STAGES })
  const { root } = project.tsbuild
  const env = { ...process.env, TSBUILD_ROOT: root }
  {
    await using engine = await openEngine({ env })
    await engine.build(optionsFor(project), () => undefined, new AbortController().signal)
  }
  const layers = readdirSync(join(root, 'layers')).length
  await using engine = await openEngine({ env })
  const events: BuildEvent[] = []
  let prunes = 0
  const onEvent = (event: BuildEvent): void => {
    events.push(event)
    const isFound = event.kind === 'step-done' && event.outcome.kind === 'cached'
    // After the look-up of a RUN, before anything was pinned.
    if (isFound && prunes === 0 && nameOf(events, event.step).includes('RUN')) {
      prunes += 1
      pruneNow(root)
      assert.ok(readdirSync(join(root, 'layers')).length < layers)
    }
  }
  const { image } = await engine.build(optionsFor(project, '--build-arg', 'WAIT=env', '-t', 'app'), onEvent, new AbortController().signal)
  assert.equal(prunes, 1)
  assert.notEqual(image, undefined)
  const program = 'cat /one /two /three'
  assert.equal(await project.tsbuild.must(['run', 'app', 'sh', '-c', program]), 'one\ntwo\nthree\n')
  assert.match(await project.tsbuild.must(['doctor', '--store']), /sound/)
})

test('a prune takes nothing from a running build, and all that it has left afterwards', async () => {
  await using project = await openProject({ Dockerfile: TWO_STAGES })
  const { tsbuild, directory } = project
  await tsbuild.must(['-t', 'app', directory])
  const empty = allocatedBytes(tsbuild.root)
  const running = tsbuild.run(['--build-arg', 'WAIT=sleep 2;', '-t', 'app', directory])
  await sleep(800)
  for (let times = 0; times < 3; times++) await tsbuild.must(['prune', '-af'])
  const { code, stderr } = await running
  assert.equal(code, 0, stderr)
  assert.equal(await tsbuild.must(['run', 'app', 'cat', '/one', '/two', '/three']), 'one\ntwo\nthree\n')
  await tsbuild.must(['prune', '-af'])
  assert.ok(allocatedBytes(tsbuild.root) < empty + 1_000_000)
  assert.equal(await tsbuild.must(['run', 'app', 'cat', '/one', '/two', '/three']), 'one\ntwo\nthree\n')
  assert.match(await tsbuild.must(['doctor', '--store']), /sound/)
})

test('du agrees with du, and prune says what it frees', async () => {
  await using project = await openProject({
    Dockerfile:
      'FROM busybox\nRUN for n in $(seq 2000); do echo $n > /$n; done\nRUN --mount=type=cache,target=/c yes | head -c 3000000 > /c/f',
  })
  const { tsbuild, directory } = project
  await tsbuild.must([directory])
  const sizes = (await tsbuild.must(['du', '--format', 'json']))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { Bytes: number; Type: string })
  const real = allocatedBytes(tsbuild.root)
  const sum = sizes.reduce((all, { Bytes }) => all + Bytes, 0)
  assert.ok(Math.abs(sum - real) < real / 100, `${sum} where du says ${real}`)
  const cache = sizes.find(({ Type }) => Type === 'exec.cachemount')
  assert.ok((cache?.Bytes ?? 0) > 3_000_000)
  await tsbuild.must(['prune', '-f', '--filter', 'type=exec.cachemount'])
  const after = allocatedBytes(tsbuild.root)
  assert.ok(real - after > 2_900_000 && real - after < 3_300_000, `${real} to ${after}`)
  await tsbuild.must(['prune', '-f', '--max-used-space', '1'])
  assert.ok(allocatedBytes(tsbuild.root) < after - 8_000_000)
})

function nameOf(events: readonly BuildEvent[], step: number): string {
  const graph = events.find((event) => event.kind === 'graph')
  return graph?.kind === 'graph' ? (graph.steps.find((each) => each.step === step)?.name ?? '') : ''
}
