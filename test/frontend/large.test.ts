import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { BuildPlan } from '../../core/image-plan.ts'
import { compile } from '../../frontend/index.ts'

const PLATFORM = { os: 'linux', architecture: 'amd64' }

/** One line of each kind of instruction that adds to what was there before. */
const LINES: Readonly<Record<string, (i: number) => string>> = {
  ARG: (i) => `ARG A${i}=${i}`,
  COPY: (i) => `COPY a${i} /b`,
  ENV: (i) => `ENV A${i}=${i}`,
  EXPOSE: (i) => `EXPOSE ${i + 1}`,
  LABEL: (i) => `LABEL a${i}=${i}`,
  ONBUILD: (i) => `ONBUILD RUN x${i}`,
  RUN: (i) => `RUN echo ${i}`,
  VOLUME: (i) => `VOLUME /v${i}`,
}

describe('ten times the instructions take about ten times as long', () => {
  for (const [name, line] of Object.entries(LINES)) {
    test(name, async () => {
      await timeOf(line, 1_000)
      const small = Math.min(await timeOf(line, 1_000), await timeOf(line, 1_000))
      const large = Math.min(await timeOf(line, 10_000), await timeOf(line, 10_000))
      // What is quadratic takes a hundred times as long.
      assert.ok(large < Math.max(small, 5) * 60, `${small} ms, then ${large} ms`)
    })
  }
})

test('a chain of three thousand stages is no deep stack', async () => {
  const stages = Array.from({ length: 3_000 }, (_, i) => `FROM ${i === 0 ? 'scratch' : `s${i - 1}`} AS s${i}\n`)
  const { graph } = await compileText(`${stages.join('')}COPY a /\n`)
  assert.equal(graph.vertices.length, 3)
})

async function timeOf(line: (i: number) => string, count: number): Promise<number> {
  const text = `FROM scratch\n${Array.from({ length: count }, (_, i) => line(i)).join('\n')}\n`
  const start = performance.now()
  const { image } = await compileText(text)
  assert.ok(Object.keys(image.config).length > 0)
  return performance.now() - start
}

function compileText(text: string): Promise<BuildPlan> {
  const request = { platform: PLATFORM, buildPlatform: PLATFORM, buildArgs: new Map(), labels: [], noCache: false, contexts: new Map() }
  return compile({ ...request, dockerfile: { name: 'Dockerfile', text }, ignore: undefined }, () => Promise.reject(new Error('no image')))
}
