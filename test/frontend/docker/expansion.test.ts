import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import pLimit from 'p-limit'
import { isTsbError } from '../../../core/error.ts'
import { expand } from '../../../frontend/expand.ts'
import { REPOSITORY } from '../../support/paths.ts'
import { type Docker, openDocker } from './ask.ts'
import { ascii } from './question.ts'
import { Random } from './random.ts'
import { randomWord, VARIABLES } from './words.ts'

/** A word, and what Docker makes of it; `null` when it refuses it. */
type Row = readonly [word: string, result: string | null]

const COUNT = 2500
/** Those that we refuse are asked one by one. */
const REFUSED = 250
const BATCH = 400

const KINDS = [
  { name: 'backslash', escape: '\\' },
  { name: 'backtick', escape: '`' },
]

/**
 * Thousands of made-up words, each with what Docker 28.5 expands it to in `USER word`. `ASK=words` makes new ones (`SEED=n` those
 * of a seed), asks Docker and keeps its answers instead of the old ones.
 */
describe('words expand as Docker expands them', { timeout: 3_600_000 }, () => {
  const { ASK: wanted, SEED: seed } = process.env
  before(async () => {
    if (wanted !== 'words') return
    await using docker = await openDocker()
    for (const { name, escape } of KINDS) writeRows(name, await askWords(docker, escape, Number(seed ?? Date.now())))
  })

  for (const { name, escape } of KINDS) {
    test(name, () => {
      const rows = readRows(name)
      assert.ok(rows.length >= 1000)
      const wrong = rows.flatMap(([word, result]) => {
        const ours = expansion(word, escape)
        return ours === result ? [] : [{ word, docker: result, ours }]
      })
      assert.deepEqual(wrong, [])
    })
  }
})

function expansion(word: string, escape: string): string | null {
  try {
    return expand(word, (name) => (Object.hasOwn(VARIABLES, name) ? VARIABLES[name] : undefined), { escape }).text
  } catch (error) {
    if (!isTsbError(error)) throw error
    return null
  }
}

async function askWords(docker: Docker, escape: string, seed: number): Promise<readonly Row[]> {
  process.stderr.write(`SEED=${seed}\n`)
  const random = new Random(seed)
  const words = new Set<string>()
  while (words.size < COUNT) words.add(randomWord(random, escape))
  const accepted = [...words].filter((word) => expansion(word, escape) !== null)
  const refused = [...words].filter((word) => expansion(word, escape) === null).slice(0, REFUSED)
  const rows: Row[] = []
  for (let at = 0; at < accepted.length; at += BATCH) rows.push(...(await askBatch(docker, escape, accepted.slice(at, at + BATCH))))
  const limit = pLimit(3)
  rows.push(...(await Promise.all(refused.map((word) => limit(() => askBatch(docker, escape, [word])))).then((found) => found.flat())))
  return rows.sort(([a], [b]) => (a < b ? -1 : 1))
}

/** All words in one file; halves of them where Docker refuses it. */
async function askBatch(docker: Docker, escape: string, words: readonly string[]): Promise<readonly Row[]> {
  const variables = Object.entries(VARIABLES).map(
    ([name, value]) =>
      `ENV ${name}="${value.replace(/["$\\`]/g, (char) => (char === '\\' || char === '`' ? (char === escape ? escape + char : char) : escape + char))}"`,
  )
  const dockerfile = [`# escape=${escape}`, 'FROM scratch', ...variables, ...words.map((word) => `USER ${word}`), ''].join('\n')
  const answer = await docker.ask({ dockerfile })
  if (typeof answer !== 'string') {
    const results = (answer['history'] as readonly string[]).filter((entry) => entry.startsWith('USER ')).map((entry) => entry.slice(5))
    assert.equal(results.length, words.length)
    for (const value of Object.entries(VARIABLES))
      assert.ok((answer['Env'] as readonly string[]).includes(value.join('=')), value.join('='))
    return words.map((word, index): Row => [word, results[index] ?? ''])
  }
  const [word] = words
  if (words.length === 1 && word !== undefined) return [[word, null]]
  const half = Math.ceil(words.length / 2)
  return [...(await askBatch(docker, escape, words.slice(0, half))), ...(await askBatch(docker, escape, words.slice(half)))]
}

function pathOf(name: string): string {
  return join(REPOSITORY, `testdata/language/words-${name}.json`)
}

function readRows(name: string): readonly Row[] {
  return existsSync(pathOf(name)) ? (JSON.parse(readFileSync(pathOf(name), 'utf8')) as readonly Row[]) : []
}

function writeRows(name: string, rows: readonly Row[]): void {
  writeFileSync(pathOf(name), `[\n${rows.map((row) => ascii(JSON.stringify(row))).join(',\n')}\n]\n`)
}
