import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alignSteps } from '../../../solver/explain/align.ts'
import { inheritKeys } from '../../../solver/explain/inherit.ts'
import type { StepNote } from '../../../solver/explain/step-note.ts'

/** `stage|text` a line. */
function notes(...lines: readonly string[]): readonly StepNote[] {
  return lines.map((line, step) => {
    const [stage = '', text = ''] = line.split('|')
    return { step, name: text, text, stage, kind: text.startsWith('RUN') ? 'run' : 'file', inputs: [] }
  })
}

/** Texts of the earlier steps, `-` where there is none. */
function aligned(earlier: readonly StepNote[], present: readonly StepNote[]): readonly string[] {
  const found = alignSteps(earlier, present)
  return present.map((_, index) => found.get(index)?.text ?? '-')
}

test('a step is itself after edits around it and in it', () => {
  const earlier = notes('a|COPY package.json .', 'a|RUN npm ci', 'a|COPY src src', 'a|RUN npm test')
  const inserted = notes('a|COPY package.json .', 'a|ENV X', 'a|RUN npm ci', 'a|COPY src src', 'a|RUN npm test')
  assert.deepEqual(aligned(earlier, inserted), ['COPY package.json .', '-', 'RUN npm ci', 'COPY src src', 'RUN npm test'])
  const removed = notes('a|COPY package.json .', 'a|COPY src src', 'a|RUN npm test')
  assert.deepEqual(aligned(earlier, removed), ['COPY package.json .', 'COPY src src', 'RUN npm test'])
  const edited = notes('a|COPY package.json yarn.lock .', 'a|RUN npm ci --omit=dev', 'a|COPY lib src', 'a|RUN npm run check')
  assert.deepEqual(aligned(earlier, edited), ['COPY package.json .', 'RUN npm ci', 'COPY src src', 'RUN npm test'])
})

test('a stage that has another name has the same steps', () => {
  const earlier = notes('build|RUN make', 'test|RUN make', 'last|RUN make')
  const renamed = notes('builder|RUN make', 'test|RUN make', 'last|RUN make install')
  const found = alignSteps(earlier, renamed)
  assert.deepEqual(
    renamed.map((_, index) => found.get(index)?.stage),
    ['build', 'test', 'last'],
  )
})

test('a step that moved is found', () => {
  const earlier = notes('a|RUN one', 'a|RUN two', 'a|RUN three', 'a|COPY x y')
  const moved = notes('a|RUN two', 'a|RUN three', 'a|COPY x y', 'a|RUN one')
  assert.deepEqual(aligned(earlier, moved), ['RUN two', 'RUN three', 'COPY x y', 'RUN one'])
})

test('of many equal steps the new one is the odd one out', () => {
  const earlier = notes(...Array<string>(5).fill('a|RUN true'), 'a|RUN end')
  const more = notes(...Array<string>(6).fill('a|RUN true'), 'a|RUN end')
  assert.equal(aligned(earlier, more).filter((text) => text === '-').length, 1)
})

test('a thousand steps take milliseconds, whatever they are', () => {
  const lines = (word: (index: number) => string): readonly StepNote[] =>
    notes(...Array.from({ length: 1000 }, (_, index) => `s${index % 7}|RUN ${word(index)}`))
  for (const [earlier, present] of [
    [lines(() => 'true'), lines(() => 'true')],
    [lines(String), lines((index) => String(999 - index))],
    [lines((index) => `a${index}`), lines((index) => `b${index}`)],
  ] as const) {
    const began = performance.now()
    alignSteps(earlier, present)
    assert.ok(performance.now() - began < 500, 'nearly linear')
  }
})

test('a step without a key inherits that of the step it was', () => {
  const key = (text: string) => `blake3:${text}` as const
  const earlier = notes('a|RUN one', 'a|RUN two').map((note) => ({ ...note, key: key(note.text) }))
  const now = notes('a|RUN one', 'a|RUN two --more', 'a|COPY x y').map((note, index) => (index === 0 ? { ...note, key: key('new') } : note))
  assert.deepEqual(
    inheritKeys(now, [earlier]).map((note) => note.key),
    [key('new'), key('RUN two'), undefined],
  )
})

test('with the key comes the text that it was made of, over any number of failures', () => {
  const key = 'blake3:one' as const
  const good = notes('a|RUN one').map((note) => ({ ...note, key }))
  const failed = inheritKeys(notes('a|RUN exit 1'), [good])
  const again = inheritKeys(notes('a|RUN exit 1'), [failed, good])
  const reverted = inheritKeys(notes('a|RUN one'), [again])
  for (const list of [failed, again]) assert.deepEqual([list[0]?.key, list[0]?.keyText], [key, 'RUN one'])
  assert.deepEqual([reverted[0]?.key, reverted[0]?.keyText], [key, undefined])
})
