import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { REPOSITORY } from '../support/paths.ts'

interface Timed {
  readonly milliseconds: number
  readonly peakKiB?: number
  readonly size?: number
}

interface Result {
  readonly scenario: {
    readonly name: string
    readonly limit: readonly string[]
    readonly target?: number
    readonly against?: string
    readonly limitTarget?: number
    readonly steps?: number
  }
  readonly runs: Readonly<Record<string, readonly Timed[]>>
  readonly blocks: readonly Readonly<Record<string, Timed>>[]
}

const { formatReport }: { formatReport(results: readonly Result[], names: readonly string[]): string } = await import(
  pathToFileURL(join(REPOSITORY, 'bench/report.mjs')).href
)

const RESULTS: readonly Result[] = [
  {
    scenario: { name: 'gzip', limit: ['start', 'gzip'], target: 0.5 },
    runs: {
      tsbuild: [3, 9, 4].map((milliseconds) => ({ milliseconds, peakKiB: 1024 * milliseconds, size: 103e6 })),
      docker: [80, 20].map((milliseconds) => ({ milliseconds })),
      buildah: [{ milliseconds: 10, size: 100e6 }],
    },
    blocks: [1, 3, 2].map((milliseconds) => ({ start: { milliseconds }, gzip: { milliseconds: 4 - milliseconds } })),
  },
  {
    scenario: { name: 'zstd', limit: ['start'], target: 0.1, against: 'gzip' },
    runs: { tsbuild: [{ milliseconds: 2 }], docker: [], buildah: [{ milliseconds: 1 }] },
    blocks: [{ start: { milliseconds: 1 } }],
  },
]

test('ratios are those of medians, the best peer may be one of another scenario, and what nobody measured is a dash', () => {
  const [times, limits, resources] = rows(formatReport(RESULTS, ['tsbuild', 'docker', 'buildah']))
  assert.deepEqual(times, [
    ['gzip', '4 ms (3 ms - 9 ms)', '50 ms (20 ms - 80 ms)', '10 ms (10 ms - 10 ms)', '0.08', '0.40', '0.40', '0.5 met'],
    ['zstd', '2 ms (2 ms - 2 ms)', '-', '1 ms (1 ms - 1 ms)', '-', '2.00', '0.20', '0.1 missed'],
  ])
  assert.deepEqual(limits, [
    ['gzip', '4 ms', '1.00', '-', '-', 'start 2 ms + gzip 2 ms'],
    ['zstd', '1 ms', '2.00', '-', '-', 'start 1 ms'],
  ])
  assert.deepEqual(resources, [
    ['gzip', '9.0 MiB', '-', '-', '103 MB', '-', '100 MB', '-', '1.03'],
    ['zstd', '-', '-', '-', '-', '-', '-', '-', '-'],
  ])
})

test('a limit may be what has to be met, and what is over it be shared among steps', () => {
  const runs = { tsbuild: [{ milliseconds: 30 }] }
  const blocks = [{ start: { milliseconds: 20 } }]
  const limitsOf = (limitTarget: number): unknown =>
    rows(formatReport([{ scenario: { name: 'steps', limit: ['start'], limitTarget, steps: 4 }, runs, blocks }], ['tsbuild']))[1]?.[0]
  assert.deepEqual(limitsOf(1.5), ['steps', '20 ms', '1.50', '1.5 met', '2.5 ms', 'start 20 ms'])
  assert.deepEqual(limitsOf(1.4), ['steps', '20 ms', '1.50', '1.4 missed', '2.5 ms', 'start 20 ms'])
})

test('without peers there is nothing to meet', () => {
  const [times] = rows(formatReport(RESULTS, ['tsbuild']))
  assert.deepEqual(times?.[0], ['gzip', '4 ms (3 ms - 9 ms)', '-', '0.5'])
})

/** The cells of each table, without header and rule. */
function rows(report: string): string[][][] {
  const cells = (line: string): string[] =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim())
  return report.split('\n\n').map((table) => table.split('\n').slice(2).map(cells))
}
