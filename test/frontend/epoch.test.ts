import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BuildPlan } from '../../core/image-plan.ts'
import { type CompileRequest, compile, type TimeSource } from '../../frontend/index.ts'

const PLATFORM = { os: 'linux', architecture: 'amd64' }
const STAGE = 'FROM scratch\nARG SOURCE_DATE_EPOCH\nLABEL e=[$SOURCE_DATE_EPOCH]\n'

interface Timed {
  readonly plan: BuildPlan
  readonly asked: readonly TimeSource[]
}

/** Compiles with `given` as the build argument; whatever has a time has 77.9. */
async function timed(text: string, given?: string, more: Partial<CompileRequest> = {}): Promise<Timed> {
  const asked: TimeSource[] = []
  const request: CompileRequest = {
    dockerfile: { name: 'Dockerfile', text },
    platform: PLATFORM,
    buildPlatform: PLATFORM,
    buildArgs: new Map(given === undefined ? [] : [['SOURCE_DATE_EPOCH', given]]),
    labels: [],
    noCache: false,
    contexts: new Map(),
    ignore: undefined,
    timeOf: async (source) => {
      asked.push(source)
      return 77.9
    },
    ...more,
  }
  const plan = await compile(request, async () => {
    throw new Error('no image')
  })
  return { plan, asked }
}

async function epochAndLabel(...args: Parameters<typeof timed>): Promise<readonly [number | undefined, string | undefined]> {
  const { image } = (await timed(...args)).plan
  return [image.epoch, image.config.Labels?.['e']]
}

test('a number, however it is written, is what stages see', async () => {
  assert.deepEqual(await epochAndLabel(STAGE, '12'), [12, '[12]'])
  assert.deepEqual(await epochAndLabel(STAGE, '+0012'), [12, '[12]'])
  assert.deepEqual(await epochAndLabel(STAGE, '-5'), [-5, '[-5]'])
  assert.deepEqual(await epochAndLabel(STAGE, ''), [undefined, '[]'])
  assert.deepEqual(await epochAndLabel(STAGE), [undefined, '[]'])
})

test('the Dockerfile has a default, which a build argument takes back', async () => {
  const text = `ARG T=12\nARG SOURCE_DATE_EPOCH=$T\n${STAGE}`
  assert.deepEqual(await epochAndLabel(text), [12, '[12]'])
  assert.deepEqual(await epochAndLabel(text, '7'), [7, '[7]'])
  assert.equal((await timed(text, '')).plan.image.epoch, undefined)
})

test('contexts have a time by their names', async () => {
  const contexts = new Map([['Source', { kind: 'files' }]] as const)
  assert.deepEqual(await epochAndLabel(STAGE, 'context'), [77, '[77]'])
  assert.deepEqual((await timed(STAGE, 'context')).asked, [{ kind: 'context', name: 'context' }])
  assert.deepEqual((await timed(STAGE, 'source', { contexts })).asked, [{ kind: 'context', name: 'Source' }])
  assert.deepEqual(await epochAndLabel(STAGE, 'context', { timeOf: async () => undefined }), [undefined, '[]'])
})

test('a stage that only fetches has the time of what it fetches', async () => {
  const digest = `sha256:${'a'.repeat(64)}` as const
  const text = `FROM scratch AS Src\nARG V=1\nADD --checksum=${digest} https://example.org/$V/f.tgz /\n${STAGE}`
  const { asked, plan } = await timed(text, 'src')
  assert.deepEqual(asked, [{ kind: 'http', url: 'https://example.org/1/f.tgz', name: 'f.tgz', checksum: digest }])
  assert.equal(plan.image.epoch, 77)
  const [git] = (await timed(`FROM scratch AS src\nADD https://example.org/r.git#v1 /\n${STAGE}`, 'src')).asked
  assert.deepEqual(git?.kind === 'git' && [git.remote, git.ref], ['https://example.org/r.git', 'v1'])
})

test('what has no time is refused, with its place', async () => {
  const stage = (body: string): string => `FROM scratch AS src\n${body}\n${STAGE}`
  const bad = [
    [STAGE, 'yesterday', 0],
    [STAGE, '1.5', 0],
    [STAGE, '253402300800', 0],
    [`ARG SOURCE_DATE_EPOCH=never\n${STAGE}`, undefined, 1],
    [`FROM other AS src\nADD https://example.org/f /\n${STAGE}`, 'src', 1],
    [stage('COPY f /'), 'src', 2],
    [stage('ADD f /'), 'src', 2],
    [stage('ADD https://example.org/f https://example.org/g /'), 'src', 2],
    [stage('ADD https://example.org/f /\nADD https://example.org/g /'), 'src', 3],
    [stage('LABEL a=b'), 'src', 2],
    [stage('ARG A'), 'src', 1],
  ] as const
  for (const [text, given, line] of bad) {
    await assert.rejects(timed(text, given), (error: unknown) => {
      assert.ok(error instanceof Error && 'code' in error && 'diagnostics' in error)
      const [first] = error.diagnostics as { spans: { start: { line: number } }[] }[]
      assert.deepEqual([error.code, first?.spans[0]?.start.line ?? 0], ['TSB_DOCKERFILE_EPOCH', line], text)
      return true
    })
  }
})
