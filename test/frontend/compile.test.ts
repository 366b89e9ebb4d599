import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTsbError, TsbError } from '../../core/error.ts'
import type { ResolvedImage } from '../../core/image-plan.ts'
import { type CompileRequest, compile } from '../../frontend/index.ts'

const PLATFORM = { os: 'linux', architecture: 'amd64' }

function request(text: string, more: Partial<CompileRequest> = {}): CompileRequest {
  return {
    dockerfile: { name: 'Dockerfile', text },
    platform: PLATFORM,
    buildPlatform: PLATFORM,
    buildArgs: new Map(),
    labels: [],
    noCache: false,
    contexts: new Map(),
    ignore: undefined,
    ...more,
  }
}

function image(reference: string): ResolvedImage {
  const digest = `sha256:${'0'.repeat(64)}` as const
  return { reference, image: digest, config: { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [digest] } } }
}

test('images are asked for once each, in parallel, and only those of reachable stages', async () => {
  const text = 'FROM a AS one\nFROM b AS two\nFROM never\nFROM a\nCOPY --from=one / /\nCOPY --from=two / /\nCOPY --from=c / /'
  const asked: string[] = []
  let release = (): void => {}
  const all = new Promise<void>((resolve) => {
    release = resolve
  })
  const plan = await compile(request(text), async (reference) => {
    asked.push(reference)
    if (asked.length === 3) release()
    await all
    return image(reference)
  })
  assert.deepEqual(asked.sort(), ['docker.io/library/a:latest', 'docker.io/library/b:latest', 'docker.io/library/c:latest'])
  assert.equal(plan.graph.output, plan.graph.vertices.length - 1)
})

test('what the resolver throws keeps code and fault and gets the place', async () => {
  const failing = async (): Promise<ResolvedImage> => {
    throw new TsbError('TSB_REGISTRY_UNREACHABLE', 'no', { fault: 'remote', hint: 'wait' })
  }
  await assert.rejects(compile(request('FROM scratch AS build\nFROM x:1\nCOPY --from=biuld a b'), failing), (error) => {
    assert.ok(isTsbError(error))
    assert.equal(error.code, 'TSB_REGISTRY_UNREACHABLE')
    assert.equal(error.fault, 'remote')
    assert.equal(error.spans[0]?.start.line, 2)
    assert.equal(error.hint, 'wait')
    return true
  })
})

/** [Dockerfile, what the hint names] */
const HINTS: readonly (readonly [string, RegExp])[] = [
  ['FROM scratch\nCPOY a b', /`COPY`/],
  ['FROM scratch\nrnu a', /`RUN`/],
  ['FROM scratch\nCOPY --form=x a b', /`--from`/],
  ['FROM scratch AS build\nFROM scratch\nCOPY --from=Biuld a b', /`build`/],
  ['FROM Build', /./],
]

for (const [text, hint] of HINTS) {
  test(`the hint of ${JSON.stringify(text)} names what was meant`, async () => {
    await assert.rejects(
      compile(request(text), async (reference) => image(reference)),
      (error) => isTsbError(error) && hint.test(error.hint ?? ''),
    )
  })
}

test('an error of something else than the input is not gathered', async () => {
  const bug = new RangeError('bug')
  await assert.rejects(
    compile(request('FROM x'), async () => {
      throw bug
    }),
    bug,
  )
})

test('a line of more than 65535 bytes is refused', async () => {
  const text = `FROM scratch\nLABEL a=${'é'.repeat(32_763)}`
  await compile(request(text), async (reference) => image(reference))
  await assert.rejects(
    compile(request(`${text}é`), async (reference) => image(reference)),
    (error) => isTsbError(error) && error.code === 'TSB_DOCKERFILE_LINE_TOO_LONG',
  )
})

test('what is wrong with a stage that nobody needs is wrong with the file', async () => {
  const cases: readonly (readonly [string, string])[] = [
    ['FROM A:latest AS bad\nFROM scratch', 'TSB_REFERENCE_INVALID'],
    ['FROM $none AS bad\nFROM scratch', 'TSB_DOCKERFILE_BASE_BLANK'],
    ['FROM scratch AS bad\nCOPY --from=7 / /\nFROM scratch', 'TSB_DOCKERFILE_STAGE_UNKNOWN'],
    ['FROM scratch AS bad\nCOPY --from=bad / /\nFROM scratch', 'TSB_DOCKERFILE_STAGE_CYCLE'],
  ]
  for (const [text, code] of cases) {
    await assert.rejects(
      compile(request(text), async (reference) => image(reference)),
      (error) => isTsbError(error) && error.code === code,
    )
  }
})

test('problems of all kinds and stages are told together, and no image is looked up for them', async () => {
  const text = 'FROM a AS one\nRUNN x\nFROM one AS two\nCOPY --from=9 / /\nFROM b\nUSER ${x:y}\nCOPY --from=two / /'
  const never = async (): Promise<ResolvedImage> => assert.fail('looked up')
  await assert.rejects(compile(request(text), never), (error) => {
    assert.ok(isTsbError(error))
    const found = error.diagnostics.map(({ code, spans }) => [code, spans[0]?.start.line])
    assert.deepEqual(found, [
      ['TSB_DOCKERFILE_UNKNOWN_INSTRUCTION', 2],
      ['TSB_DOCKERFILE_STAGE_UNKNOWN', 4],
      ['TSB_DOCKERFILE_SUBSTITUTION', 6],
    ])
    return true
  })
})
