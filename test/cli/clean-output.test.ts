import assert from 'node:assert/strict'
import { test } from 'node:test'
import { main } from '../../cli/main.ts'
import { printableLine } from '../../cli/render/frame.ts'
import { stepLabel } from '../../cli/render/miss.ts'
import type { BuildEvent } from '../../core/event.ts'
import type { DiskEntry, RecordedBuild } from '../../engine/types.ts'
import { START } from './case-file.ts'
import { fakeHost } from './fake-host.ts'
import { FakeTerminal } from './fake-terminal.ts'

/** What names of directories, arguments and files may hold: colours, a title, C1 controls, lines of their own, another reading order. */
const HOSTILE = 'a\u001b[31mb\u001b]0;title\u0007c\nID d\r\u009b2Je\u202ef\u2066g'
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
const UNCLEAN = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above
const UNCLEAN_LINE = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/

const entry: DiskEntry = {
  id: 'a'.repeat(25),
  type: 'regular',
  description: HOSTILE,
  bytes: 1,
  isShared: false,
  isReclaimable: true,
  inUse: false,
  created: START,
  used: START,
}
const build: RecordedBuild = {
  id: 'b'.repeat(25),
  name: HOSTILE,
  started: START,
  ended: START,
  status: 'error',
  context: HOSTILE,
  dockerfile: HOSTILE,
  target: HOSTILE,
  platform: HOSTILE,
  noCache: false,
  tags: [HOSTILE],
  buildArgs: [HOSTILE],
  error: { code: 'TSB_STEP_FAILED', message: HOSTILE },
  steps: { total: 1, cached: 0, executed: 1, unchanged: 0, failed: 1 },
  bytes: 0,
  notes: [{ step: 0, name: HOSTILE, text: HOSTILE, stage: HOSTILE, kind: 'run', inputs: [] }],
  async *events() {},
}
const usage = { entries: [entry], images: [{ names: [HOSTILE], bytes: 1, unique: 1 }], total: 1 }

for (const args of [
  ['du', '--verbose'],
  ['du', '--by', 'step'],
  ['du', '--by', 'image'],
  ['prune', '--force', '--verbose'],
  ['history', 'ls'],
  ['history', 'inspect'],
]) {
  test(`nothing that a build has named steers the terminal: ${args.join(' ')}`, async () => {
    const host = fakeHost({
      diskUsage: async () => usage,
      prune: async () => ({ entries: [entry], bytes: 1 }),
      builds: async () => [build],
      recordedBuild: async () => build,
    })
    assert.equal(await main(args, host), 0)
    const lines = host.terminal.out.replace(/^Total:\t/m, 'Total: ').split('\n')
    assert.ok(
      lines.some((line) => line.includes('efg')),
      host.terminal.out,
    )
    assert.deepEqual(
      lines.filter((line) => UNCLEAN.test(line) || line.startsWith('ID d')),
      [],
    )
  })
}

test('a line of a Dockerfile shows that something is in it', () => {
  assert.doesNotMatch(printableLine(HOSTILE), UNCLEAN_LINE)
  assert.equal(printableLine(HOSTILE).length, HOSTILE.length)
})

test('the label of a step has no blanks of its column', () => {
  for (const [name, label] of [
    ['[  2/152] RUN true', '[2/152]'],
    ['[build  3/12] RUN true', '[build 3/12]'],
    ['[build 2/5] RUN  true', '[build 2/5]'],
    [`[${HOSTILE} 2/5] RUN true`, undefined],
  ] as const) {
    assert.doesNotMatch(stepLabel(name), UNCLEAN_LINE)
    if (label !== undefined) assert.equal(stepLabel(name), label)
  }
})

const LOG = Buffer.from('\u001b[31mred\u001b[0m \u001b]0;title\u0007\n\u00e9\n\u00ff end', 'latin1')

for (const isTerminal of [true, false]) {
  test(`the log of a step is its very bytes, ${isTerminal ? 'but not on a terminal' : 'wherever chunks end'}`, async () => {
    const events = async function* (): AsyncGenerator<BuildEvent> {
      for (const byte of LOG) yield { kind: 'step-log', time: START, step: 0, stream: 'stdout', data: Uint8Array.of(byte) }
    }
    const host = fakeHost({ recordedBuild: async () => ({ ...build, events }) }, { terminal: new FakeTerminal({ isTerminal }) })
    assert.equal(await main(['history', 'logs', '^0', '1'], host), 0)
    if (isTerminal) assert.match(host.terminal.out, /^red \n.\n. end\n$/)
    else assert.equal(host.terminal.out, LOG.toString('latin1'))
  })
}
