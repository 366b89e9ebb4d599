import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY } from '../support/paths.ts'

export const CASES: string = join(REPOSITORY, 'testdata/frontend')

/** A text case: a comment, then `-- name --` sections. */
export interface CaseFile {
  readonly path: string
  readonly comment: string
  readonly sections: ReadonlyMap<string, string>
}

export function readCase(name: string): CaseFile {
  const path = join(CASES, name)
  const [comment = '', ...rest] = readFileSync(path, 'utf8').split(/^-- (.+) --\n/m)
  const sections = new Map<string, string>()
  for (let i = 0; i < rest.length; i += 2) sections.set(rest[i] ?? '', rest[i + 1] ?? '')
  return { path, comment, sections }
}

/** Puts the expectations in place of what the file had, input sections untouched. */
export function rewriteCase(file: CaseFile, expected: ReadonlyMap<string, string>, inputs: (name: string) => boolean): void {
  const kept = [...file.sections].filter(([name]) => inputs(name))
  const text = [...kept, ...expected].map(([name, body]) => `-- ${name} --\n${body}`).join('')
  writeFileSync(file.path, file.comment + text)
}
