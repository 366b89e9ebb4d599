import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { BuildEvent } from '../../../core/event.ts'
import type { Span } from '../../../core/span.ts'
import { decodeEvents } from '../../../engine/history/decode.ts'
import { EventEncoder } from '../../../engine/history/encode.ts'
import { createEventFile, readEventFile } from '../../../engine/history/event-file.ts'

const NOTES = [
  { step: 0, name: '[1/2] FROM base', text: 'FROM base', stage: 'a', kind: 'image' as const, inputs: [] },
  { step: 1, name: '[2/2] RUN make', text: 'RUN make', stage: 'a', kind: 'run' as const, inputs: [0] },
]
const FILE = { name: 'Dockerfile', text: 'FROM base\nRUN make\n' }
const SPAN: Span = { file: FILE, start: { line: 2, column: 1 }, end: { line: 2, column: 9 } }

const EVENTS: readonly BuildEvent[] = [
  { kind: 'build-started', time: 1, tags: ['app'] },
  { kind: 'task-started', time: 2, id: 'task-1', name: 'load' },
  { kind: 'task-progress', time: 3, id: 'task-1', item: 'files', current: 1 },
  { kind: 'task-done', time: 4, id: 'task-1' },
  { kind: 'diagnostic', time: 5, diagnostic: { severity: 'warning', code: 'X', message: 'm', spans: [SPAN], within: SPAN } },
  { kind: 'graph', time: 6, steps: NOTES.map(({ step, name }) => ({ step, name })) },
  { kind: 'step-done', time: 7, step: 0, outcome: { kind: 'cached' } },
  { kind: 'step-started', time: 7, step: 1 },
  { kind: 'step-missed', time: 8, step: 1, causes: [{ kind: 'lost' }] },
  { kind: 'step-log', time: 9, step: 1, stream: 'stdout', data: Buffer.from('line\nwith ü and \u0000\n') },
  { kind: 'step-log', time: 9, step: 1, stream: 'stderr', data: Buffer.from([0xff, 0x00, 0xc3]) },
  { kind: 'step-done', time: 10, step: 1, outcome: { kind: 'failed', message: 'exit code 1' } },
  { kind: 'build-done', time: 11, error: 'exit code 1' },
]

test('what is recorded comes back as it was', async () => {
  assert.deepEqual(await decoded(encoded(EVENTS)), EVENTS)
})

test('steps that are cached at one moment share a line', async () => {
  const cached = [0, 1, 2].map((step): BuildEvent => ({ kind: 'step-done', time: step < 2 ? 5 : 6, step, outcome: { kind: 'cached' } }))
  const text = encoded(cached)
  assert.equal(text.trim().split('\n').length, 2)
  assert.deepEqual(await decoded(text), cached)
})

test('names and messages go through the net', () => {
  const encoder = new EventEncoder((text) => text.replaceAll('hunter2', '***'))
  encoder.push({ kind: 'task-started', time: 1, id: 'a', name: 'fetch hunter2' })
  encoder.push({ kind: 'step-done', time: 2, step: 0, outcome: { kind: 'failed', message: 'no hunter2' } })
  encoder.push({ kind: 'build-done', time: 3, error: 'hunter2' })
  assert.ok(!encoder.take().includes('hunter2'))
})

test('a file of events can be read up to where it was cut off', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tsbuild-events-'))
  try {
    const path = join(directory, 'events.gz')
    const file = createEventFile(path)
    const lines = Array.from({ length: 5000 }, (_, index) => `{"line":${index}}`)
    file.append(
      lines
        .slice(0, 4000)
        .map((line) => `${line}\n`)
        .join(''),
    )
    const whole = readFileSync(path).length
    file.append(
      lines
        .slice(4000)
        .map((line) => `${line}\n`)
        .join(''),
    )
    file.close()
    assert.deepEqual(await all(readEventFile(path)), lines)
    truncateSync(path, whole + 40)
    const rest: string[] = []
    try {
      for await (const line of readEventFile(path)) rest.push(line)
    } catch {
      // What is damaged may say so.
    }
    assert.deepEqual(rest.slice(0, 4000), lines.slice(0, 4000))
  } finally {
    rmSync(directory, { recursive: true })
  }
})

function encoded(events: readonly BuildEvent[]): string {
  const encoder = new EventEncoder((text) => text)
  for (const event of events) encoder.push(event)
  return encoder.take()
}

async function decoded(text: string): Promise<readonly BuildEvent[]> {
  async function* lines(): AsyncGenerator<string> {
    for (const line of text.split('\n')) if (line !== '') yield line
  }
  return all(decodeEvents(lines(), NOTES))
}

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const value of values) list.push(value)
  return list
}
