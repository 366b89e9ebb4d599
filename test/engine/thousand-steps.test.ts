import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openProject, type Project } from './project.ts'

const STAGES = 10
const STEPS = 100

/** Ten stages of a hundred steps, and one that takes something of each. */
function thousandSteps(): string {
  const stage = (index: number): readonly string[] =>
    Array.from({ length: STEPS / 2 }, (_, step) => [`COPY f${step % 10} /s${index}/f${step}`, `WORKDIR /w${index}/${step}`]).flat()
  const stages = Array.from({ length: STAGES }, (_, index) => [`FROM scratch AS s${index}`, ...stage(index)]).flat()
  const taken = Array.from({ length: STAGES }, (_, index) => `COPY --from=s${index} /s${index} /s${index}`)
  return [...stages, 'FROM scratch', ...taken, ''].join('\n')
}

/** Told by the process itself at its end: a wall clock would measure what else the machine does. */
const TELL_USAGE = `
const { writeFileSync } = require('node:fs')
process.on('exit', () => {
  const { user, system } = process.cpuUsage()
  writeFileSync(process.env.TEST_USAGE, JSON.stringify({ cpu: user + system, peakKiB: process.resourceUsage().maxRSS }))
})
`

interface Used {
  /** Microseconds. */
  readonly cpu: number
  readonly peakKiB: number
}

async function measured({ tsbuild, directory }: Project, dockerfile: string): Promise<Used> {
  const env = { NODE_OPTIONS: `--require ${join(directory, 'usage.cjs')}`, TEST_USAGE: join(directory, 'usage.json') }
  await tsbuild.must(['build', '--progress', 'plain', '-f', join(directory, dockerfile), directory], { env })
  return JSON.parse(readFileSync(env.TEST_USAGE, 'utf8')) as Used
}

test('a thousand steps need little memory, and when they are cached little more time than a few', { timeout: 240_000 }, async () => {
  await using project = await openProject({ 'usage.cjs': TELL_USAGE, '.dockerignore': 'usage*\n' })
  const { directory } = project
  for (let index = 0; index < 10; index += 1) writeFileSync(join(directory, `f${index}`), `${index}\n`)
  project.write({ big: thousandSteps(), small: 'FROM scratch\nCOPY f1 /f1\nWORKDIR /w\n' })
  const made = await measured(project, 'big')
  assert.ok(made.peakKiB < 200 * 1024, `${made.peakKiB} KiB`)
  await measured(project, 'small')
  const ratios = []
  for (let round = 0; round < 3; round += 1) {
    const small = await measured(project, 'small')
    const big = await measured(project, 'big')
    ratios.push(big.cpu / small.cpu)
  }
  // Half of that is usual; a step that costs what all before it cost makes it a hundred.
  assert.ok(Math.min(...ratios) < 12, `${ratios.join()} times the processor time of two steps`)
})
