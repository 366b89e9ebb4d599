import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { blake3Digest } from '../../core/digest.ts'
import { hostEffects } from '../../engine/host.ts'
import { loadNative } from '../../native/index.ts'
import type { StoredBuild } from '../../store/history.ts'
import { openStore, type Store } from '../../store/store.ts'

test('the newest builds are kept, and lists of steps as long as a build has them', async () => {
  await using temporary = await openTemporary()
  const { history } = temporary.store
  for (let index = 0; index < 10; index++) history.add(build(index), { steps: `list ${index >> 1}` })
  history.prune({ builds: 4, before: 0 })
  assert.deepEqual(ids(history.list()), ['b9', 'b8', 'b7', 'b6'])
  assert.equal(history.steps(blake3Digest('list 2')), undefined)
  assert.equal(history.steps(blake3Digest('list 3')), 'list 3')
  history.prune({ builds: 4, before: 1008 + 1 })
  assert.deepEqual(ids(history.list()), ['b9'], 'by age')
})

test('builds are found by the beginning of their id and by their place from the end', async () => {
  await using temporary = await openTemporary()
  const { history } = temporary.store
  for (const id of ['aa1', 'aa2', 'ab1']) history.add({ ...build(1), id }, { steps: 'list 0' })
  assert.deepEqual(ids(history.withPrefix('aa')), ['aa2', 'aa1'])
  assert.deepEqual(ids(history.withPrefix('ab')), ['ab1'])
  assert.deepEqual(ids(history.withPrefix('*')), [], 'no pattern')
  assert.equal(history.latest(0)?.id, 'ab1')
  assert.equal(history.latest(2)?.id, 'aa1')
  assert.equal(history.latest(3), undefined)
})

test('an earlier build of the same variant comes before one of the same project', async () => {
  await using temporary = await openTemporary()
  const { history } = temporary.store
  const [project, variant, other] = ['p', 'v', 'o'].map((text) => blake3Digest(text))
  if (project === undefined || variant === undefined || other === undefined) throw new Error('three')
  history.add({ ...build(0), project, variant, steps: blake3Digest('own') }, { steps: 'own' })
  history.add({ ...build(1), project, variant: other, steps: blake3Digest('later') }, { steps: 'later' })
  assert.deepEqual(history.earlier(project, variant), ['own', 'later'])
  assert.deepEqual(history.earlier(project, other), ['later'])
  assert.deepEqual(history.earlier(variant, project), [])
})

function build(index: number): StoredBuild {
  const steps = blake3Digest(`list ${index >> 1}`)
  const digest = blake3Digest('x')
  const [started, ended] = [1000 + index, 1000 + index]
  return { id: `b${index}`, project: digest, variant: digest, started, ended, status: 'completed', steps, about: '{}', events: '' }
}

function ids(builds: readonly StoredBuild[]): readonly string[] {
  return builds.map(({ id }) => id)
}

async function openTemporary(): Promise<{ readonly store: Store } & AsyncDisposable> {
  const root = await mkdtemp(join(tmpdir(), 'tsbuild-history-'))
  const store = await openStore(root, loadNative(), hostEffects)
  return {
    store,
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]()
      await rm(root, { recursive: true })
    },
  }
}
