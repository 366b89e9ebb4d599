import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { writeBaseArchive } from '../../differential/base.ts'
import { mustRun } from '../../support/process.ts'
import { type FlatImage, flattenImage } from '../../tools/compare/image.ts'
import { openProject, type Project } from '../project.ts'

const EPOCH = 1_000_000_000
const environment = { env: { SOURCE_DATE_EPOCH: String(EPOCH) } }
const notRoot = process.getuid?.() === 0 ? false : 'only root can run containers'

const FILES = {
  Dockerfile: `FROM differential/base
RUN echo new > /new && touch -d @5 /old && ln -s new /link && rm /bin/arp
COPY file /copied
WORKDIR /made
LABEL a=b
`,
  file: 'text',
}

/** A project whose base has the same id in each store. */
async function openDated(): Promise<Project> {
  const project = await openProject(FILES)
  const bases = join(project.directory, 'bases.tar')
  await writeBaseArchive(bases)
  await project.tsbuild.must(['load', '-i', bases])
  return project
}

/** Builds the project and reads the archive. */
async function built({ tsbuild, directory }: Project, output: string): Promise<FlatImage & { readonly id: string }> {
  const archive = join(directory, `${output.replace(/\W/g, '')}.tar`)
  const iidFile = `${archive}.id`
  await tsbuild.must(['build', '-q', '--iidfile', iidFile, '-o', `${output},dest=${archive}`, directory], environment)
  return { ...(await flattenImage(archive)), id: (await mustRun('cat', [iidFile])).trim() }
}

function timeOf(image: FlatImage, path: string): number {
  const inode = image.entries.find(([name]) => name === path)?.[1]
  assert.ok(inode, path)
  return Number(inode.mtime)
}

describe('SOURCE_DATE_EPOCH', { skip: notRoot }, () => {
  test('with rewrite-timestamp no file that the build adds is later, and the image is the same anywhere', async () => {
    const ids = new Set<string>()
    for (const _ of [1, 2]) {
      await using project = await openDated()
      const image = await built(project, 'type=oci,rewrite-timestamp=true')
      ids.add(image.id)
      for (const path of ['/new', '/link', '/copied', '/made']) assert.equal(timeOf(image, path), EPOCH, path)
      assert.equal(timeOf(image, '/old'), 5)
      assert.equal(
        image.entries.some(([path]) => path === '/bin/arp'),
        false,
      )
      const plain = await built(project, 'type=oci')
      assert.ok(timeOf(plain, '/new') > EPOCH)
      assert.notEqual(plain.id, image.id)
      // The base is left alone.
      assert.deepEqual(image.config.rootfs.diff_ids[0], plain.config.rootfs.diff_ids[0])
      assert.equal(timeOf(image, '/bin/busybox'), timeOf(plain, '/bin/busybox'))
      // Packed in other ways it is the same image; cached, nothing runs.
      assert.equal((await built(project, 'type=docker,rewrite-timestamp=true,compression=uncompressed')).id, image.id)
    }
    assert.equal(ids.size, 1)
  })

  test('a rewritten image of the store is what its config says: saved, and as a base', async () => {
    await using project = await openDated()
    const { tsbuild, directory } = project
    const archive = join(directory, 'saved.tar')
    await tsbuild.must(['build', '-q', '-t', 'dated', '-o', 'type=image,rewrite-timestamp=true', directory], environment)
    await tsbuild.must(['save', '-o', archive, 'dated'])
    const saved = await flattenImage(archive)
    assert.equal(timeOf(saved, '/new'), EPOCH)
    const child = 'FROM dated\nRUN stat -c %Y /new /old > /times\n'
    const result = join(directory, 'child.tar')
    await tsbuild.must(['build', '-q', '-f', '-', '-o', `type=docker,dest=${result}`, directory], { input: child })
    const image = await flattenImage(result)
    assert.deepEqual(image.config.rootfs.diff_ids.slice(0, -1), saved.config.rootfs.diff_ids)
    assert.equal(timeOf(image, '/new'), EPOCH)
  })

  test('an output may have a time of its own, or none', async () => {
    await using project = await openDated()
    const later = await built(project, 'type=docker,source-date-epoch=2000000000')
    assert.equal(later.config.created, '2001-09-09T01:46:40Z')
    const earlier = await built(project, 'type=docker,rewrite-timestamp=true,source-date-epoch=3')
    assert.equal(earlier.config.created, '1970-01-01T00:00:03Z')
    assert.equal(timeOf(earlier, '/new'), 3)
    assert.equal(timeOf(earlier, '/old'), 3)
    assert.ok(timeOf(await built(project, 'type=docker,rewrite-timestamp=true,source-date-epoch='), '/new') > EPOCH)
  })

  test('plain files all have the time', async () => {
    await using project = await openDated()
    const { tsbuild, directory } = project
    const tree = join(directory, 'tree')
    const tar = join(directory, 'tree.tar')
    await tsbuild.must(['build', '-q', '-o', `type=local,dest=${tree}`, '-o', `type=tar,dest=${tar}`, directory], environment)
    for (const path of ['new', 'old', 'made', 'bin/busybox', 'bin']) {
      assert.equal((await stat(join(tree, path))).mtimeMs, EPOCH * 1000, path)
    }
    const listed = await mustRun('tar', ['--utc', '--full-time', '-tvf', tar])
    assert.ok(
      listed
        .trim()
        .split('\n')
        .every((line) => line.includes('2001-09-09 01:46:40')),
    )
  })
})
