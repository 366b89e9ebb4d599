import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY } from '../support/paths.ts'

const CASES = join(REPOSITORY, 'testdata/differential')

/**
 * A text case: a comment, then `-- name --` sections. `Dockerfile`; `file PATH` for each file of the context; `context`, a shell
 * script run in the context for what text cannot say (links, modes, archives); `args`, one option of `docker build` a line;
 * `expect`, what Docker makes of it; `ours`, what we make of it where we mean to differ; `error`, our code where we fail.
 */
export interface DifferentialCase {
  readonly name: string
  readonly dockerfile: string
  readonly files: ReadonlyMap<string, string>
  readonly script: string
  readonly args: readonly string[]
  readonly expect: string
  readonly ours: string
  readonly error: string
}

type Expectation = 'expect' | 'ours' | 'error'

const EXPECTATIONS: ReadonlySet<string> = new Set<Expectation>(['expect', 'ours', 'error'])

/** All cases, in order of name. */
export function readCases(): readonly DifferentialCase[] {
  return readdirSync(CASES)
    .filter((name) => name.endsWith('.txt'))
    .sort()
    .map((name) => readCase(name.replace(/\.txt$/, '')))
}

/** Puts expectations in place of what the file had, inputs untouched. Empty ones are left out. */
export function rewriteExpectations(name: string, expected: Readonly<Record<Expectation, string>>): void {
  const { comment, sections } = split(name)
  const inputs = [...sections].filter(([title]) => !EXPECTATIONS.has(title))
  const outputs = Object.entries(expected).filter(([, text]) => text !== '')
  const text = [...inputs, ...outputs].map(([title, body]) => `-- ${title} --\n${body}`).join('')
  writeFileSync(pathOf(name), comment + text)
}

function readCase(name: string): DifferentialCase {
  const { sections } = split(name)
  const files = [...sections].filter(([title]) => title.startsWith('file ')).map(([title, text]) => [title.slice(5), text] as const)
  return {
    name,
    dockerfile: sections.get('Dockerfile') ?? '',
    files: new Map(files),
    script: sections.get('context') ?? '',
    args: (sections.get('args') ?? '').split('\n').filter((line) => line !== ''),
    expect: sections.get('expect') ?? '',
    ours: sections.get('ours') ?? '',
    error: sections.get('error') ?? '',
  }
}

function split(name: string): { readonly comment: string; readonly sections: ReadonlyMap<string, string> } {
  const [comment = '', ...rest] = readFileSync(pathOf(name), 'utf8').split(/^-- (.+) --\n/m)
  const sections = new Map<string, string>()
  for (let index = 0; index < rest.length; index += 2) sections.set(rest[index] ?? '', rest[index + 1] ?? '')
  return { comment, sections }
}

function pathOf(name: string): string {
  return join(CASES, `${name}.txt`)
}
