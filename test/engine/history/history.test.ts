import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { REPOSITORY } from '../../support/paths.ts'
import type { Tsbuild } from '../../support/tsbuild.ts'
import { openTsbuild } from '../../support/tsbuild.ts'
import { openProject, type Project } from '../project.ts'
import { storeFaults } from '../store-check.ts'

/** Characters that a reader gets who begins when the program would have ended long ago. */
async function slowlyRead({ root }: Tsbuild, args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [join(REPOSITORY, 'cli/bin/tsbuild.cjs'), ...args], {
    env: { ...process.env, TSBUILD_ROOT: root },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  await sleep(1500)
  return (await text(child.stdout)).length
}

interface Listed {
  readonly ref: string
  readonly status: string
  readonly total_steps: number
  readonly cached_steps: number
  readonly executed_steps: number
  readonly image?: string
  readonly error?: { readonly code: string }
}

async function list({ tsbuild }: Project, ...flags: readonly string[]): Promise<readonly Listed[]> {
  const lines = await tsbuild.must(['history', 'ls', '--format', 'json', ...flags])
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

test('builds are listed with what became of their steps; calls are no builds', { timeout: 60_000 }, async () => {
  await using project = await openProject({ Dockerfile: 'FROM busybox\nRUN echo one > /one\nCOPY f /f\n', f: 'f' })
  const { tsbuild, directory } = project
  const id = (await tsbuild.must(['-q', '-t', 'app', directory])).trim()
  await tsbuild.must(['-q', '-t', 'app', directory])
  await tsbuild.must(['--check', directory])
  project.write({ Dockerfile: 'FROM busybox\nRUN echo loud; exit 3\n' })
  assert.equal((await tsbuild.run(['-q', directory])).code, 1)
  const builds = await list(project)
  assert.deepEqual(
    builds.map(({ status, total_steps, cached_steps, executed_steps }) => [status, total_steps, cached_steps, executed_steps]),
    [
      ['Error', 2, 1, 0],
      ['Completed', 3, 3, 0],
      ['Completed', 3, 0, 3],
    ],
  )
  const [failed, cached, first] = builds
  assert.equal(first?.image, id)
  assert.equal(cached?.image, id)
  assert.equal(failed?.error?.code, 'TSB_STEP_FAILED')
  assert.deepEqual(await list(project, '--filter', 'status=error'), [failed])
  assert.deepEqual(await list(project, '--filter', 'tag=app', '--filter', 'status=error'), [])
  assert.equal((await tsbuild.run(['history', 'ls', '--filter', 'color=red'])).code, 2)
})

test('logs are kept whole, and shown as the build showed them', { timeout: 60_000 }, async () => {
  const loud = 'i=0; while [ $i -lt 40000 ]; do echo "line $i of the log"; i=$((i+1)); done; printf "\\377\\n"'
  await using project = await openProject({ Dockerfile: `FROM busybox\nRUN ${loud}\n` })
  const { tsbuild, directory } = project
  const { stderr } = await tsbuild.run(['--progress', 'plain', directory])
  const { ref = '' } = (await list(project))[0] ?? {}
  const step = await tsbuild.must(['history', 'logs', ref.slice(0, 6), 'RUN'])
  assert.equal(step.split('\n').length, 40_002)
  assert.ok(step.startsWith('line 0 of the log\n') && step.includes('line 39999 of the log\n'))
  assert.deepEqual(readdirSync(join(tsbuild.root, 'history')), [`${ref}.jsonl.gz`], 'too long for a row')
  const logs = await tsbuild.must(['history', 'logs'])
  const lines = (text: string): readonly string[] => text.split('\n').filter((line) => / line \d+ of the log$/.test(line))
  assert.deepEqual(lines(logs), lines(stderr))
  const raw = await tsbuild.must(['history', 'logs', '--progress', 'rawjson', ref])
  assert.ok(raw.split('\n').some((line) => line.startsWith('{"logs":')))
  assert.equal(await slowlyRead(tsbuild, ['history', 'logs', ref, 'RUN']), step.length, 'a slow reader gets all of it')
  await tsbuild.must(['-q', directory])
  const cached = await tsbuild.run(['history', 'logs', '^0', 'RUN'])
  assert.match(cached.stderr, /TSB_HISTORY_NO_LOG/)
})

test('what is removed is gone with its file; a word that means no build is told', { timeout: 60_000 }, async () => {
  const Dockerfile = 'FROM busybox\nRUN head -c 400000 /dev/urandom | base64\n'
  await using project = await openProject({ Dockerfile })
  const { tsbuild, directory } = project
  await tsbuild.must(['-q', directory])
  await tsbuild.must(['-q', directory])
  const [, first] = await list(project)
  assert.equal((await tsbuild.must(['history', 'rm', '^1'])).trim(), first?.ref)
  assert.equal((await list(project)).length, 1)
  assert.deepEqual(readdirSync(join(tsbuild.root, 'history')), [])
  assert.match((await tsbuild.run(['history', 'inspect', first?.ref ?? ''])).stderr, /TSB_HISTORY_UNKNOWN/)
  assert.match((await tsbuild.run(['history', 'inspect', '^7'])).stderr, /TSB_HISTORY_UNKNOWN/)
  assert.match((await tsbuild.run(['history', 'logs', '', 'nothing'])).stderr, /TSB_HISTORY_STEP_UNKNOWN/)
  await tsbuild.must(['history', 'rm', '--all'])
  assert.deepEqual(await list(project), [])
})

test('a file that a killed process has left in the history is swept', { timeout: 60_000 }, async () => {
  await using project = await openProject({ Dockerfile: 'FROM busybox\nRUN head -c 400000 /dev/urandom | base64\n' })
  const { tsbuild, directory } = project
  await tsbuild.must(['-q', directory])
  const stray = join(tsbuild.root, 'history', 'ffffffffffffffffffffffff0.jsonl.gz')
  writeFileSync(stray, '')
  await tsbuild.must(['-q', '--no-cache', directory])
  assert.ok(!existsSync(stray))
  assert.equal(readdirSync(join(tsbuild.root, 'history')).length, 2)
  assert.deepEqual(await storeFaults(tsbuild.root), [])
})

test('the configuration says how many builds are kept', { timeout: 60_000 }, async () => {
  await using project = await openProject({ Dockerfile: 'FROM scratch\nCOPY f /f\n', f: 'f', 'config.json': '{"history": {"builds": 3}}' })
  const { tsbuild, directory } = project
  const env = { TSBUILD_CONFIG: join(directory, 'config.json') }
  for (let build = 0; build < 16; build++) await tsbuild.must(['-q', directory], { env })
  assert.equal((await list(project)).length, 3)
})

test('an empty store has no history, and all that it has was used just now', { timeout: 60_000 }, async () => {
  await using tsbuild = await openTsbuild()
  const { stderr, code } = await tsbuild.run(['explain'])
  assert.equal(code, 1)
  assert.match(stderr, /TSB_HISTORY_UNKNOWN/)
  assert.doesNotMatch(stderr, /\^0/, 'nobody has said that')
  const entries = (await tsbuild.must(['du', '--format', 'json'])).trim().split('\n')
  assert.ok(entries.length > 0)
  for (const entry of entries) assert.ok(Date.now() - Date.parse(JSON.parse(entry).LastUsed) < 60_000, entry)
})

test('a step behind one that failed was not reached', { timeout: 60_000 }, async () => {
  await using project = await openProject({ Dockerfile: 'FROM busybox\nRUN exit 3\nRUN true\n' })
  const { tsbuild, directory } = project
  assert.equal((await tsbuild.run(['-q', directory])).code, 1)
  for (const command of [['history', 'inspect'], ['explain']]) {
    assert.match(await tsbuild.must(command), /RUN true · not reached$/m, command.join(' '))
  }
})
