import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { leftovers } from '../../support/leftovers.ts'
import { openProject, type Project } from '../project.ts'
import { storeFaults } from '../store-check.ts'

const OLD = new Date('2020-01-02T03:04:05Z')
const FUTURE = new Date(Date.now() + 3_600_000)
const DOCKERFILE = 'FROM scratch\nCOPY f /\n'

/** Longer than timestamps may lie: afterwards a stat index is believed. */
const settle = (): Promise<void> => sleep(2_100)

/** Builds a context and reads what became of `f`. */
async function built({ tsbuild }: Project, directory: string, ...args: readonly string[]): Promise<string> {
  const output = join(tsbuild.root, 'output')
  await tsbuild.must(['build', '-q', '-o', `type=local,dest=${output}`, ...args, directory])
  return readFileSync(join(output, 'f'), 'utf8')
}

function write(path: string, text: string, time: Date): void {
  writeFileSync(path, text)
  utimesSync(path, time, time)
}

test('other bytes of the same size under the same mtime are copied, however they came', { timeout: 120_000 }, async () => {
  await using project = await openProject({ Dockerfile: DOCKERFILE })
  const file = join(project.directory, 'f')
  for (const [time, name] of [
    [OLD, 'old'],
    [FUTURE, 'future'],
  ] as const) {
    write(file, `${name} 1`, time)
    assert.equal(await built(project, project.directory), `${name} 1`)
    write(file, `${name} 2`, time)
    assert.equal(await built(project, project.directory), `${name} 2`, 'at once')
    await settle()
    assert.equal(await built(project, project.directory), `${name} 2`)
    write(file, `${name} 3`, time)
    assert.equal(await built(project, project.directory), `${name} 3`, 'in place')
    write(join(project.directory, 'other'), `${name} 4`, time)
    await settle()
    await built(project, project.directory)
    renameSync(join(project.directory, 'other'), file)
    assert.equal(await built(project, project.directory), `${name} 4`, 'by rename')
  }
})

test('checkouts with equal stat data never mix, also when they change places', { timeout: 120_000 }, async () => {
  await using project = await openProject({ 'one/Dockerfile': DOCKERFILE, 'two/Dockerfile': DOCKERFILE })
  const [one, two, away] = ['one', 'two', 'away'].map((name) => join(project.directory, name)) as [string, string, string]
  write(join(one, 'f'), 'first', OLD)
  execFileSync('cp', ['-a', join(one, 'f'), join(two, 'f')])
  await settle()
  const both = async (): Promise<readonly string[]> => [await built(project, one), await built(project, two)]
  assert.deepEqual(await both(), ['first', 'first'])
  write(join(two, 'f'), 'other', OLD)
  await settle()
  assert.deepEqual(await both(), ['first', 'other'])
  assert.deepEqual(await both(), ['first', 'other'])
  for (const [from, to] of [
    [one, away],
    [two, one],
    [away, two],
  ] as const) {
    renameSync(from, to)
  }
  assert.deepEqual(await both(), ['other', 'first'])
})

test('--no-stat-cache reads all and writes the index anew', { timeout: 60_000 }, async () => {
  await using project = await openProject({ Dockerfile: DOCKERFILE, f: 'text' })
  const { tsbuild, directory } = project
  await settle()
  await built(project, directory)
  const index = (): number => statSync(join(tsbuild.root, 'contexts', contextIndex(project))).ino
  const first = index()
  assert.equal(await built(project, directory), 'text')
  assert.equal(index(), first, 'a settled index is left alone')
  assert.equal(await built(project, directory, '--no-stat-cache'), 'text')
  assert.notEqual(index(), first)
})

function contextIndex({ tsbuild }: Project): string {
  const name = readdirSync(join(tsbuild.root, 'contexts')).find((entry) => entry.endsWith('.stat'))
  assert.ok(name)
  return name
}

/** The scan comes before the RUN, the copy after it. */
const SLOW = 'FROM busybox\nRUN sleep 2\nCOPY f /f\n'

for (const [what, change] of [
  ['vanishes', (path: string) => rmSync(path)],
  ['changes', (path: string) => writeFileSync(path, 'text 2')],
] as const) {
  test(`a file that ${what} between scan and copy is named, and the next build works`, { timeout: 60_000 }, async (t: TestContext) => {
    await using project = await openProject({ Dockerfile: SLOW, f: 'text 1' })
    const { tsbuild, directory } = project
    const failing = tsbuild.run(['build', '--progress', 'plain', directory])
    while (
      !readdirSync(tsbuild.root).includes('contexts') ||
      !readdirSync(join(tsbuild.root, 'contexts')).some((name) => name.endsWith('.stat'))
    )
      await sleep(20)
    await sleep(500)
    change(join(directory, 'f'))
    const { code, stderr } = await failing
    t.diagnostic(stderr.slice(stderr.indexOf('error: ')))
    assert.equal(code, 1, stderr)
    assert.match(stderr, /\[TSB_CONTEXT_CHANGED\]/)
    assert.match(stderr, /^hint: /m)
    for (const fact of ['`/f`', 'Dockerfile:3']) assert.ok(stderr.includes(fact), stderr)
    assert.deepEqual(await leftovers(tsbuild.root), [])
    assert.deepEqual(await storeFaults(tsbuild.root), [])
    writeFileSync(join(directory, 'f'), 'text 3')
    assert.equal(await built(project, directory), 'text 3')
  })
}

test('a file that is written all the time is copied or named, and nothing half done stays', { timeout: 120_000 }, async () => {
  await using project = await openProject({ Dockerfile: DOCKERFILE })
  const file = join(project.directory, 'f')
  writeFileSync(file, Buffer.alloc(4 << 20, 'a'))
  const writer = `while :; do for c in a b c d; do head -c ${4 << 20} /dev/zero | tr '\\0' $c | dd of=${file} conv=notrunc bs=64k 2>/dev/null; done; done`
  const child = spawn('sh', ['-c', writer], { stdio: 'ignore' })
  try {
    for (let round = 0; round < 5; round += 1) {
      const { code, stdout, stderr } = await project.tsbuild.run(['build', '-q', '-t', 'written', project.directory])
      assert.ok(code === 0 ? stdout.startsWith('sha256:') : stderr.includes('[TSB_CONTEXT_CHANGED]'), stderr)
    }
  } finally {
    child.kill('SIGKILL')
  }
  assert.deepEqual(await storeFaults(project.tsbuild.root), [])
})
