import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isTsbError } from '../../core/error.ts'
import type { Span } from '../../core/span.ts'
import { type CompileRequest, check, compile } from '../../frontend/index.ts'
import { REPOSITORY } from '../support/paths.ts'
import { randomFile } from './docker/files.ts'
import type { Random } from './docker/random.ts'
import { randomWord } from './docker/words.ts'

const PLATFORM = { os: 'linux', architecture: 'amd64' }
const IMAGE = `sha256:${'0'.repeat(64)}` as const
const PIECES = [
  '\\\n',
  '`\n',
  '\n',
  '\r\n',
  '<<EOF\n',
  '<<-"X"',
  'EOF',
  '$',
  '${',
  '}',
  '"',
  "'",
  '\\',
  '`',
  '[',
  ']',
  '["a",',
  '#',
  '# escape=`\n',
  '--',
  '--from=',
  '--mount=type=',
  '=',
  ',',
  'FROM ',
  ' AS ',
  'ONBUILD ',
  'RUN ',
  'COPY ',
  'ENV ',
  'ARG ',
  '\0',
  '\uFEFF',
  '\u0085',
  '\u2028',
  '\uD800',
  '😀',
  '\t',
  ' ',
  '/./',
  '**',
  '::',
  '%%',
  '//',
  ':?',
  '9'.repeat(30),
]

/** A Dockerfile that nobody would write: one of ours with parts gone, doubled, swapped and put in. */
export function mutated(random: Random, seeds: readonly string[]): string {
  let text = random.chance(25) ? randomFile(random) : random.pick(seeds)
  for (const _ of random.list(1, 6, () => 0)) {
    const from = random.number(text.length + 1)
    const to = Math.min(text.length, from + random.number(random.chance(80) ? 12 : 200))
    const part = text.slice(from, to)
    const piece = random.chance(70)
      ? random.pick(PIECES)
      : random.chance(50)
        ? randomWord(random, '\\')
        : (random.pick(seeds).split('\n').at(random.number(4)) ?? '')
    text = text.slice(0, from) + random.pick(['', part + part, piece, part + piece, piece + part]) + text.slice(to)
  }
  return text
}

/** All Dockerfiles of our cases. */
export function seedFiles(): readonly string[] {
  const folder = join(REPOSITORY, 'testdata')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => /^(frontend|differential)\/.*\.txt$/.test(path))
  const texts = files.map((path) => readFileSync(join(folder, path), 'utf8').split(/^-- (.+) --\n/m))
  return texts.map((sections) => sections[sections.indexOf('Dockerfile') + 1] ?? '').sort()
}

/** Compiles and checks it: all that may come of that are plans and errors of the input, with places that are in the file. */
export async function tryFile(text: string): Promise<void> {
  const request: CompileRequest = {
    dockerfile: { name: 'Dockerfile', text },
    platform: PLATFORM,
    buildPlatform: PLATFORM,
    buildArgs: new Map([['A', '$A"\'`\\']]),
    labels: [],
    noCache: false,
    contexts: new Map(),
    ignore: undefined,
  }
  const resolve = async (reference: string) => ({
    reference,
    image: IMAGE,
    config: { ...PLATFORM, rootfs: { type: 'layers', diff_ids: [IMAGE] }, config: { OnBuild: ['RUN x', 'COPY . .'] } } as const,
  })
  const lines = text.split('\n').length
  try {
    const { diagnostics } = await compile(request, resolve)
    for (const { spans } of diagnostics) for (const span of spans) assertInside(span, lines)
  } catch (error) {
    assert.ok(
      isTsbError(error) && (error.fault === 'input' || error.fault === 'usage'),
      error instanceof Error ? error.stack : String(error),
    )
    assert.notEqual(error.hint, '')
    for (const { spans } of [error, ...error.diagnostics]) for (const span of spans) assertInside(span, lines)
  }
  await check(request, resolve)
}

function assertInside({ start, end }: Span, lines: number): void {
  assert.ok(start.line >= 1 && start.column >= 1 && end.line <= lines + 1, JSON.stringify({ start, end, lines }))
  assert.ok(start.line < end.line || (start.line === end.line && start.column <= end.column), JSON.stringify({ start, end }))
}
