import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { BUSYBOX_ROOT } from '../support/paths.ts'
import { mustRun } from '../support/process.ts'
import { column, DAMAGES, layerWith, reboot, rebootWithoutNotes } from './power-cut.ts'
import { openProject, type Project } from './project.ts'
import { storeFaults } from './store-check.ts'

const FILES = {
  Dockerfile: 'FROM busybox\nCOPY one /one\nWORKDIR /work\nCOPY two dir /two/\n',
  one: 'one\n'.repeat(5000),
  two: 'two\n',
  'dir/three': 'three\n',
}
/** FROM is one. */
const STEPS = 4
let project: Project
/** The store after a build and a save, to start every case from; and what is built and saved from it. */
let pristine: string
let image: string
let saved: Buffer

before(async () => {
  project = await openProject(FILES)
  for (const file of [...Object.keys(FILES), 'dir']) utimesSync(join(project.directory, file), 1_000_000_000, 1_000_000_000)
  image = await build()
  assert.equal(await cachedSteps(), STEPS)
  saved = await save()
  pristine = mkdtempSync(join(tmpdir(), 'tsbuild-pristine-'))
  await mustRun('cp', ['-a', project.tsbuild.root, join(pristine, 'store')])
})
after(async () => {
  rmSync(pristine, { recursive: true, force: true })
  await project[Symbol.asyncDispose]()
})

const environment = { env: { SOURCE_DATE_EPOCH: '1000000000' } }
const build = (...more: readonly string[]): Promise<string> =>
  project.tsbuild.must(['build', '-q', '-t', 'app', ...more, project.directory], environment)

async function save(): Promise<Buffer> {
  const archive = join(project.directory, '..', `${project.tsbuild.root.split('/').at(-1)}.tar`)
  try {
    await project.tsbuild.must(['save', '--format', 'oci', '-o', archive, 'app', 'busybox'])
    return readFileSync(archive)
  } finally {
    rmSync(archive, { force: true })
  }
}

async function cachedSteps(): Promise<number> {
  const { stderr, code } = await project.tsbuild.run(['build', '--progress', 'plain', '-t', 'app', project.directory], environment)
  assert.equal(code, 0, stderr)
  return stderr.split('\n').filter((line) => line.endsWith(' CACHED')).length
}

async function restart(): Promise<void> {
  rmSync(project.tsbuild.root, { recursive: true })
  await mustRun('cp', ['-a', join(pristine, 'store'), project.tsbuild.root])
}

/** The store is sound, says what it said before, and everything is cached again. */
async function checkWhole(what: string): Promise<void> {
  assert.equal(await build(), image, what)
  assert.deepEqual(await storeFaults(project.tsbuild.root), [], what)
  assert.equal(await cachedSteps(), STEPS, what)
}

/** The blobs of layers that we packed, whose bytes we can make again. */
const packedBlobs = (): readonly string[] =>
  column(project.tsbuild.root, 'SELECT digest FROM layer_blobs JOIN layers USING (diff_id) WHERE layers.plain_size IS NOT NULL').map(
    (digest) => join(project.tsbuild.root, 'oci/blobs', String(digest).replace(':', '/')),
  )

test('a store that lost nothing is believed again after a look, once', async () => {
  await restart()
  reboot(project.tsbuild.root)
  assert.equal(await cachedSteps(), STEPS)
  assert.deepEqual(
    column(project.tsbuild.root, "SELECT count(*) FROM unsynced UNION ALL SELECT count(*) FROM boots WHERE boot = 'earlier'"),
    [0, 0],
  )
  await checkWhole('whole')
  assert.deepEqual(await save(), saved)
})

for (const [how, damage] of Object.entries(DAMAGES)) {
  test(`layers of which files are ${how} are dropped and made again, and the others stay`, async () => {
    for (const [top, file, cached] of [
      ['one', 'diff/one', STEPS - 1],
      ['two', 'diff/two/three', STEPS - 1],
    ] as const) {
      await restart()
      const layer = layerWith(project.tsbuild.root, top)
      damage(join(layer, file))
      reboot(project.tsbuild.root)
      assert.equal(await cachedSteps(), cached, file)
      assert.equal(existsSync(layer), false, `${layer} is gone`)
      await checkWhole(file)
    }
  })

  test(`blobs that are ${how} are dropped, and packed again`, async () => {
    for (const lost of [reboot, (root: string) => rebootWithoutNotes(root, 'blob')]) {
      await restart()
      const blobs = packedBlobs()
      assert.equal(blobs.length, STEPS - 1)
      for (const blob of blobs) damage(blob)
      lost(project.tsbuild.root)
      await project.tsbuild.must(['images'])
      assert.deepEqual(blobs.filter(existsSync), [])
      assert.deepEqual(await storeFaults(project.tsbuild.root), [])
      assert.deepEqual(await save(), saved)
    }
  })

  test(`indexes of trees, contexts and images that are ${how} are made again, and all steps stay cached`, async () => {
    await restart()
    const { root } = project.tsbuild
    const index = readFileSync(join(root, 'oci/index.json'), 'utf8')
    for (const folder of ['trees', 'contexts', 'oci']) {
      const files = readdirSync(join(root, folder), { withFileTypes: true }).filter((entry) => entry.isFile())
      for (const { name } of files) damage(join(root, folder, name))
    }
    reboot(root)
    assert.equal(await cachedSteps(), STEPS)
    await checkWhole(how)
    assert.equal(readFileSync(join(root, 'oci/index.json'), 'utf8'), index)
    assert.equal(readFileSync(join(root, 'oci/oci-layout'), 'utf8'), '{"imageLayoutVersion":"1.0.0"}')
  })
}

test("a base's damaged layer is unpacked again, and what stands on it stays", async () => {
  await restart()
  DAMAGES['zeros']?.(join(layerWith(project.tsbuild.root, 'bin'), 'diff/bin/busybox'))
  reboot(project.tsbuild.root)
  assert.equal(await cachedSteps(), STEPS, 'FROM too: what it makes is known, and unpacked again when somebody needs it')
  await checkWhole('base')
  assert.equal(await project.tsbuild.must(['run', '--rm', '--network', 'none', 'app', 'cat', '/two/three']), 'three\n')
})

test('a lost permission and a lost whiteout are damage too', async () => {
  for (const script of ['chmod 600 "$1"/one', 'touch "$1"/more', 'ln -sf nowhere "$1"/one']) {
    await restart()
    const layer = layerWith(project.tsbuild.root, 'one')
    await mustRun('sh', ['-euc', script, 'sh', join(layer, 'diff')])
    reboot(project.tsbuild.root)
    assert.equal(await cachedSteps(), STEPS - 1, script)
    await checkWhole(script)
  }
})

test('a database that did not reach the disk at all is begun anew, and believes none of the files beside it', async () => {
  await restart()
  const { root } = project.tsbuild
  for (const blob of packedBlobs()) DAMAGES['zeros']?.(blob)
  for (const name of readdirSync(join(root, 'trees'))) DAMAGES['zeros']?.(join(root, 'trees', name))
  for (const name of readdirSync(root).filter((file) => file.startsWith('tsbuild.db'))) rmSync(join(root, name))
  await project.tsbuild.must(['import', BUSYBOX_ROOT, 'busybox'])
  await build()
  await save()
  assert.equal(await cachedSteps(), STEPS)
  assert.deepEqual(await storeFaults(root), [])
})

test('in the boot that wrote it nothing is verified', async () => {
  await restart()
  const { root } = project.tsbuild
  const file = join(layerWith(root, 'one'), 'diff/one')
  DAMAGES['short']?.(file)
  assert.equal(await cachedSteps(), STEPS, 'believed, as a process that was killed loses nothing')
})

test('two processes that open a damaged store at once both get it right', async () => {
  await restart()
  for (const [top, file] of [
    ['one', 'diff/one'],
    ['bin', 'diff/bin/busybox'],
  ] as const) {
    DAMAGES['zeros']?.(join(layerWith(project.tsbuild.root, top), file))
  }
  reboot(project.tsbuild.root)
  assert.deepEqual(await Promise.all([build(), build(), build()]), [image, image, image])
  assert.equal(await project.tsbuild.must(['run', '--rm', '--network', 'none', 'app', 'cat', '/one']), FILES.one)
  assert.deepEqual(await storeFaults(project.tsbuild.root), [])
})
