import assert from 'node:assert/strict'
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { BUSYBOX_ROOT } from '../../support/paths.ts'
import { type Finished, mustRun, runProcess } from '../../support/process.ts'
import { LAUNCHER } from '../../support/tsbuild.ts'
import { openProject, type Project } from '../project.ts'
import { storeFaults } from '../store-check.ts'
import { lockDatabase } from './locker.ts'

const isRoot = process.geteuid?.() === 0
let project: Project

before(async () => {
  project = await openProject({ Dockerfile: 'FROM busybox\nCOPY Dockerfile /\nARG N\nRUN --network=none echo $N > /n\n' })
})
after(() => project[Symbol.asyncDispose]())

const build = (n: number): Promise<Finished> =>
  project.tsbuild.run(['build', '-q', '--build-arg', `N=${n}`, '-t', 'app', project.directory])
const database = (): string => join(project.tsbuild.root, 'tsbuild.db')

function assertFails({ code, stderr }: Finished, expected: string): void {
  assert.equal(code, 3, stderr)
  assert.equal(stderr.match(/TSB_[A-Z_]+/g)?.join(), expected, stderr)
  assert.match(stderr, /^hint: /m)
}

test('a store of a newer tsbuild is refused by every command, and stays as it is', async () => {
  const Database = createRequire(import.meta.url)('better-sqlite3')
  const connection = new Database(database())
  const version = connection.pragma('user_version', { simple: true })
  connection.pragma('user_version = 999')
  for (const args of [['images'], ['doctor', '--store'], ['run', 'busybox', 'true']]) {
    const finished = await project.tsbuild.run(args)
    assertFails({ ...finished, code: args[0] === 'run' ? finished.code - 122 : finished.code }, 'TSB_STORE_NEWER')
  }
  assertFails(await build(1), 'TSB_STORE_NEWER')
  assert.equal(connection.pragma('user_version', { simple: true }), 999)
  connection.pragma(`user_version = ${version}`)
  connection.close()
  assert.equal((await build(1)).code, 0)
})

test('a build waits for a program that has the database locked', { timeout: 60_000 }, async () => {
  await using locker = await lockDatabase(database())
  const patient = build(2)
  setTimeout(() => locker.end(), 2000)
  const { code, stderr } = await patient
  assert.equal(code, 0, stderr)
  assert.deepEqual(await storeFaults(project.tsbuild.root), [])
})

/** What disks and people do to a database. Its log would bring much of it back. */
const DAMAGES: Readonly<Record<string, (path: string) => void>> = {
  'is cut': (path) => truncateSync(path, statSync(path).size / 2),
  'is garbage': (path) => writeFileSync(path, 'garbage '.repeat(10_000)),
  'has a log of garbage, and is cut': (path) => {
    truncateSync(path, 5000)
    writeFileSync(`${path}-wal`, 'garbage '.repeat(1000))
  },
}

for (const [damage, inflict] of Object.entries(DAMAGES)) {
  test(`a database that ${damage} is one clear error, and what its hint says helps`, { timeout: 60_000 }, async () => {
    const { tsbuild } = project
    const Database = createRequire(import.meta.url)('better-sqlite3')
    const connection = new Database(database())
    connection.pragma('wal_checkpoint(TRUNCATE)')
    connection.close()
    inflict(database())
    assertFails(await build(3), 'TSB_STORE_DAMAGED')
    const examined = await tsbuild.run(['doctor', '--store', '--format', 'json'])
    assert.equal(examined.code, 3, examined.stderr)
    assert.equal(JSON.parse(examined.stdout.split('\n')[0] ?? '').kind, 'database-damaged')
    for (const suffix of ['', '-wal', '-shm']) rmSync(database() + suffix, { force: true })
    await tsbuild.must(['import', BUSYBOX_ROOT, 'busybox'])
    const { code, stderr } = await build(3)
    assert.equal(code, 0, stderr)
    assert.deepEqual(await storeFaults(tsbuild.root), [])
  })
}

test('a page of the database that nobody has read for long is missed by doctor', async () => {
  const path = database()
  const Database = createRequire(import.meta.url)('better-sqlite3')
  const connection = new Database(path)
  connection.pragma('wal_checkpoint(TRUNCATE)')
  const page = connection.prepare("SELECT rootpage FROM sqlite_master WHERE name = 'tombstones_by_age'").pluck().get() as number
  connection.close()
  const whole = readFileSync(path)
  writeFileSync(path, Buffer.from(whole).fill(0, (page - 1) * 4096, page * 4096))
  try {
    assert.equal((await project.tsbuild.run(['doctor', '--store'])).code, 3)
  } finally {
    writeFileSync(path, whole)
  }
  assert.equal((await project.tsbuild.run(['doctor', '--store'])).code, 0)
})

test('a store that is mounted read-only answers questions and builds what is cached, and says why it builds nothing else', {
  skip: !isRoot,
}, async () => {
  const { root } = project.tsbuild
  assert.equal((await build(4)).code, 0)
  await mustRun('mount', ['--bind', root, root])
  try {
    await mustRun('mount', ['-o', 'remount,ro,bind', root])
    assert.equal((await build(4)).code, 0, 'what is cached, and has its name, needs no write')
    assertFails(await build(5), 'TSB_DISK_READONLY')
    assert.match(await project.tsbuild.must(['images', '-q']), /^[0-9a-f]{12}$/m)
    assert.equal((await project.tsbuild.run(['doctor'])).code, 3)
    assert.equal((await project.tsbuild.run(['doctor', '--store'])).code, 0)
  } finally {
    await mustRun('umount', [root])
  }
  assert.equal((await build(5)).code, 0)
})

test("another user's store is one clear error", { skip: !isRoot }, async () => {
  const { root } = project.tsbuild
  chmodSync(root, 0o711)
  const names = readdirSync(root).sort()
  for (const args of [['build', '-q', project.directory], ['images'], ['doctor', '--store']]) {
    const command = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, LAUNCHER, ...args]
    const finished = await runProcess('setpriv', command, { env: { ...process.env, HOME: '/', TSBUILD_ROOT: root } })
    assertFails(finished, 'TSB_STORE_UNREADABLE')
  }
  assert.deepEqual(readdirSync(root).sort(), names)
})
