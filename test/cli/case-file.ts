import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { BuildEvent } from '../../core/event.ts'

/** From dist/test/cli to the repository's test data. */
const CASES = new URL('../../../testdata/cli/', import.meta.url)

/** A case: a comment, then `-- name --` sections with input and expectation together. `UPDATE=1` rewrites expectations. */
export interface CaseFile {
  section(name: string): string
  has(name: string): boolean
  /** Compares with the section, or rewrites it. */
  expect(name: string, actual: string): void
}

/** Names of the cases in a folder of testdata/cli. */
export function caseNames(folder: string): string[] {
  return readdirSync(new URL(`${folder}/`, CASES))
    .filter((name) => name.endsWith('.txt'))
    .sort()
}

/** Reads one. */
export function readCase(name: string): CaseFile {
  const url = new URL(name, CASES)
  const [comment = '', ...rest] = readFileSync(url, 'utf8').split(/^-- (.+) --\n/m)
  const sections = new Map<string, string>()
  for (let index = 0; index < rest.length; index += 2) sections.set(rest[index] ?? '', rest[index + 1] ?? '')
  return {
    section: (title) => {
      const text = sections.get(title)
      if (text === undefined) throw new Error(`${name} has no section ${title}`)
      return text
    },
    has: (title) => sections.has(title),
    expect: (title, actual) => {
      if (process.env.UPDATE === '1') {
        sections.set(title, actual)
        writeFileSync(url, comment + [...sections].map(([key, text]) => `-- ${key} --\n${text}`).join(''))
      }
      assert.equal(actual, sections.get(title), `${name}: ${title} (UPDATE=1 rewrites it)`)
    },
  }
}

/** Where a build's clock starts in the cases. */
export const START: number = Date.UTC(2026, 0, 2, 3, 4, 5)

/**
 * One JSON object a line. Times count from `START`; a log's `data` is text, `base64` bytes; `tick` and `resize` are not events
 * but what happens to the renderer between them.
 */
export type ScriptLine =
  | BuildEvent
  | { readonly kind: 'tick'; readonly time: number }
  | { readonly kind: 'resize'; readonly time: number; readonly columns: number }

export function readScript(text: string): ScriptLine[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const event = JSON.parse(line) as { time: number; kind: string; data?: string; base64?: string }
      const time = START + event.time
      return (
        event.kind === 'step-log'
          ? { ...event, time, data: event.base64 === undefined ? Buffer.from(event.data ?? '') : Buffer.from(event.base64, 'base64') }
          : { ...event, time }
      ) as ScriptLine
    })
}
