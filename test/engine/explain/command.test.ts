import assert from 'node:assert/strict'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openProject } from '../project.ts'

interface Explained {
  readonly steps: readonly {
    readonly number: number
    readonly name: string
    readonly outcome: string
    readonly causes: readonly {
      readonly kind: string
      readonly changed?: number
      readonly changes?: readonly { readonly path: string }[]
    }[]
    readonly ledTo: readonly number[]
  }[]
}

test('explain tells what ran, why, and what it led to; from the history alone', { timeout: 60_000 }, async () => {
  const files = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`src/f${index}`, 'one']))
  await using project = await openProject({ Dockerfile: 'FROM busybox\nCOPY src /src/\nRUN cat /src/* > /all\n', ...files })
  const { tsbuild, directory } = project
  await tsbuild.must(['-q', directory])
  project.write(Object.fromEntries(Object.keys(files).map((name) => [name, 'two'])))
  await tsbuild.must(['-q', directory])
  await tsbuild.must(['-q', directory])
  for (const gone of ['layers', 'trees', 'contexts']) rmSync(join(tsbuild.root, gone), { recursive: true })
  const explain = async (...args: readonly string[]): Promise<Explained> =>
    JSON.parse(await tsbuild.must(['explain', ...args, '--format', 'json']))
  const { steps } = await explain('^1')
  const copy = steps.find(({ name }) => name.includes('COPY'))
  const run = steps.find(({ name }) => name.includes('RUN'))
  assert.deepEqual([copy?.outcome, run?.outcome], ['done', 'done'])
  assert.deepEqual(copy?.causes[0]?.changed, 30)
  assert.equal(copy?.causes[0]?.changes?.length, 20)
  assert.deepEqual(copy?.ledTo, [run?.number])
  const [only] = (await explain('^1', 'COPY', '--files', '30')).steps
  assert.equal(only?.causes[0]?.changes?.length, 30)
  assert.ok(
    (await explain()).steps.every(({ outcome, causes, name }) => causes.length === 0 && (outcome === 'cached' || name.includes('context'))),
  )
  assert.match((await tsbuild.run(['explain', '^1', 'nothing'])).stderr, /TSB_HISTORY_STEP_UNKNOWN/)
})

test('a build that was interrupted is in the history', { timeout: 60_000 }, async () => {
  await using project = await openProject({ Dockerfile: 'FROM busybox\nRUN echo begun; sleep 100\n' })
  const { tsbuild, directory } = project
  const child = tsbuild.start(['-q', directory])
  const exited = once(child, 'exit')
  await sleep(3000)
  child.kill('SIGINT')
  await exited
  const [build] = (await tsbuild.must(['history', 'ls', '--format', 'json'])).split('\n')
  assert.equal(JSON.parse(build ?? '').status, 'Canceled')
  assert.equal(await tsbuild.must(['history', 'logs', '^0', 'RUN']), 'begun\n')
})
