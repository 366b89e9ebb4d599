import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { compareBuilds } from '../support/compare.ts'
import { findOracle } from '../support/oracle.ts'
import { openPodman } from '../support/podman.ts'
import { hasProgram, mustRun } from '../support/process.ts'
import type { Example } from './example.ts'

/** What the image does when it is run: the same whoever runs it. */
export interface ExpectedRun {
  readonly args: readonly string[]
  readonly stdout: string
}

/**
 * What others make of the example's image, a subtest each; one whose program is missing says so and is skipped.
 * The example must have been built.
 */
export async function checkForeignTools(t: TestContext, example: Example, expected: ExpectedRun): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tsbuild-foreign-'))
  const [oci, docker] = [join(folder, 'oci.tar'), join(folder, 'docker.tar')]
  const image = `example/${example.name}`
  try {
    await example.tsbuild.must(['save', '--format', 'oci', '-o', oci, image])
    await example.tsbuild.must(['save', '-o', docker, image])
    await t.test('skopeo reads both archives', (t) => skopeoReads(t, [`oci-archive:${oci}`, `docker-archive:${docker}`]))
    await t.test('umoci unpacks the layout', (t) => umociUnpacks(t, folder, oci))
    await t.test('podman loads and runs it', (t) => podmanRuns(t, folder, docker, image, expected))
    await t.test('docker loads and runs it', (t) => dockerRuns(t, docker, image, expected))
    await t.test("it equals docker's build", (t) => equalsDocker(t, example))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function skopeoReads(t: TestContext, sources: readonly string[]): Promise<void> {
  if (!(await hasProgram('skopeo'))) return t.skip('`skopeo` is not installed')
  const [first, second] = await Promise.all(sources.map((source) => mustRun('skopeo', ['inspect', '--config', source])))
  assert.deepEqual(JSON.parse(first ?? ''), JSON.parse(second ?? ''))
}

async function umociUnpacks(t: TestContext, folder: string, archive: string): Promise<void> {
  if (!(await hasProgram('umoci'))) return t.skip('`umoci` is not installed')
  const layout = join(folder, 'layout')
  await mkdir(layout)
  await mustRun('tar', ['-xf', archive, '-C', layout])
  const { manifests } = JSON.parse(await mustRun('cat', [join(layout, 'index.json')]))
  const tag = manifests[0].annotations['org.opencontainers.image.ref.name']
  await mustRun('umoci', ['unpack', '--image', `${layout}:${tag}`, join(folder, 'bundle')])
  assert.notDeepEqual(await readdir(join(folder, 'bundle/rootfs')), [])
}

async function podmanRuns(t: TestContext, folder: string, archive: string, image: string, expected: ExpectedRun): Promise<void> {
  if (!(await hasProgram('podman'))) return t.skip('`podman` is not installed')
  await using podman = openPodman(join(folder, 'podman'))
  const name = await podman.load(archive)
  assert.equal(name, `docker.io/${image}:latest`)
  assert.equal(await podman.run(name, expected.args), expected.stdout)
}

async function dockerRuns(t: TestContext, archive: string, image: string, expected: ExpectedRun): Promise<void> {
  const oracle = await findOracle()
  if (typeof oracle === 'string') return t.skip(oracle)
  await oracle.docker(['load', '--quiet', '--input', archive])
  try {
    assert.equal(await oracle.docker(['run', '--rm', '--network', 'host', image, ...expected.args]), expected.stdout)
  } finally {
    await oracle.remove(image)
  }
}

async function equalsDocker(t: TestContext, example: Example): Promise<void> {
  const oracle = await findOracle()
  if (typeof oracle === 'string') return t.skip(oracle)
  const { tsbuild, context, baseArgs } = example
  assert.deepEqual(await compareBuilds({ tsbuild, oracle, context, args: baseArgs }), [])
}
