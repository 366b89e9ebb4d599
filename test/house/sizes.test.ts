import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { describe, test } from 'node:test'
import { ROOMS } from './rooms.ts'
import { type SourceFile, sourceFiles } from './sources.ts'

const LIMITS = { typescript: 400, rust: 600, function: 80, folder: 25 } as const

/** What may be larger, and why. An entry that is no longer needed fails the test. */
const EXCEPTIONS: Readonly<Record<string, string>> = {}

const typescript = sourceFiles([...ROOMS, 'test'], '.ts')
const rust = sourceFiles(['native/crates'], '.rs')

describe('sizes', () => {
  test('files', () => {
    const tooLong = [
      ...typescript.filter(({ lines }) => lines.length > LIMITS.typescript),
      ...rust.filter(({ lines }) => lines.length > LIMITS.rust),
    ].map(({ path }) => path)
    assert.deepEqual(
      unexpected(tooLong, (name) => /\.(?:ts|rs)$/.test(name)),
      [],
    )
  })

  test('functions', () => {
    const tooLong = [...typescript, ...rust].flatMap(functionsOf).filter(({ length }) => length > LIMITS.function)
    assert.deepEqual(
      unexpected(
        tooLong.map(({ name }) => name),
        (name) => name.includes(':'),
      ),
      [],
    )
  })

  test('folders', () => {
    const counts = new Map<string, number>()
    for (const { path } of [...typescript, ...rust]) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1)
    const tooFull = [...counts].filter(([, count]) => count > LIMITS.folder).map(([folder]) => folder)
    assert.deepEqual(
      unexpected(tooFull, (name) => !/[.:]/.test(name)),
      [],
    )
  })

  test('the reader of functions finds them and measures them', () => {
    const lines = ['export function a(', '  b: number,', '): void {', '  if (b) {', '  }', '}', 'fn c() {', '}']
    const found = functionsOf({ path: 'x', lines }).map(({ name, length }) => `${name} ${length}`)
    assert.deepEqual(found, ['x:a 6', 'x:c 2'])
    assert.ok([...typescript, ...rust].flatMap(functionsOf).length > 200)
  })
})

/** Offenders without an exception, and exceptions without an offender. */
function unexpected(offenders: readonly string[], concerns: (name: string) => boolean): string[] {
  const listed = Object.keys(EXCEPTIONS).filter(concerns)
  return [
    ...offenders.filter((name) => !listed.includes(name)),
    ...listed.filter((name) => !offenders.includes(name)).map((name) => `not needed: ${name}`),
  ]
}

/** Named functions and methods. The formatters see to it that each ends in a brace at the depth of its first line. */
function functionsOf({ path, lines }: SourceFile): { name: string; length: number }[] {
  return lines.flatMap((line, index) => {
    const name = functionName(line)
    if (name === undefined || /\}$/.test(line)) return []
    const depth = line.length - line.trimStart().length
    const length = lines.slice(index).findIndex((end, at) => at > 0 && end.startsWith(`${' '.repeat(depth)}}`) && !/\{$/.test(end)) + 1
    return length === 0 ? [] : [{ name: `${path}:${name}`, length }]
  })
}

function functionName(line: string): string | undefined {
  const named = /^\s*(?:export |pub(?:\([a-z]+\))? |async |const |unsafe |extern "C" )*(?:function\*?|fn) (\w+)/.exec(line)?.[1]
  if (named !== undefined) return named
  const method = /^ {2}(?:static |async |override |get |set |\*)*(#?\w+|\[[\w.]+\])\((?:.*\{|)$/.exec(line)?.[1]
  return method !== undefined && !['if', 'for', 'while', 'switch', 'catch', 'test', 'describe'].includes(method) ? method : undefined
}
