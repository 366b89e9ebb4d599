import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Diagnostic } from '../../../core/diagnostic.ts'
import { type CompileRequest, check, emptyImage, parseIgnore } from '../../../frontend/index.ts'
import { REPOSITORY } from '../../support/paths.ts'
import { runProcess } from '../../support/process.ts'

const FOLDER = join(REPOSITORY, 'testdata/checks')
const PLATFORM = { os: 'linux', architecture: 'amd64' }

/**
 * Each file of testdata/checks: `Dockerfile`, `options` (one a line: `target NAME`, `build-arg A=1`), `dockerignore`, and `findings`:
 * what `docker build --call=check` makes of it, a line for each in its order: rule, lines, text; `error` and the lines for a file that
 * cannot be built. `UPDATE=1` asks the Docker that DOCKER_HOST leads to. With the option `unasked` the findings are ours, written by
 * hand: the comment says why, mostly because the newest frontend has what Docker 28 has not.
 */
for (const name of readdirSync(FOLDER).filter((entry) => entry.endsWith('.txt'))) {
  test(`checks/${name}`, async () => {
    const path = join(FOLDER, name)
    const file = readCase(path)
    if (process.env.UPDATE === '1' && !optionsOf(file).includes('unasked')) {
      file.set('findings', await theirs(file))
      writeFileSync(path, [...file].map(([section, body]) => (section === '' ? body : `-- ${section} --\n${body}`)).join(''))
    }
    const expected = file.get('findings') ?? ''
    // Docker does not know the place of every error.
    const found = await ours(file)
    assert.equal(expected.endsWith('error -\n') ? found.replace(/^error \S+$/m, 'error -') : found, expected)
  })
}

type Case = Map<string, string>

/** Sections by name; the comment above them has none. */
function readCase(path: string): Case {
  const [comment = '', ...rest] = readFileSync(path, 'utf8').split(/^-- (.+) --\n/m)
  const sections = new Map([['', comment]])
  for (let i = 0; i < rest.length; i += 2) sections.set(rest[i] ?? '', rest[i + 1] ?? '')
  return sections
}

function optionsOf(file: Case): readonly string[] {
  return (file.get('options') ?? '').split('\n').filter((line) => line !== '')
}

async function ours(file: Case): Promise<string> {
  const { warnings, errors } = await check(request(file), async (reference) => emptyImage(reference, PLATFORM))
  const lines = warnings.map((finding) => `${finding.code} ${placeOf(finding)} ${finding.message}\n`)
  const [error] = errors
  return lines.join('') + (error === undefined ? '' : `error ${placeOf(error)}\n`)
}

function request(file: Case): CompileRequest {
  const values = (key: string): string[] =>
    optionsOf(file).flatMap((line) => (line.startsWith(`${key} `) ? [line.slice(key.length + 1)] : []))
  const [target] = values('target')
  const ignore = file.get('dockerignore')
  return {
    dockerfile: { name: 'Dockerfile', text: file.get('Dockerfile') ?? '' },
    platform: PLATFORM,
    buildPlatform: PLATFORM,
    buildArgs: new Map(values('build-arg').map((value) => value.split(/=(.*)/s).slice(0, 2) as [string, string])),
    labels: [],
    noCache: false,
    contexts: new Map(),
    ignore: ignore === undefined ? undefined : parseIgnore({ name: '.dockerignore', text: ignore }),
    ...(target === undefined ? {} : { target }),
  }
}

function placeOf({ within, spans }: Diagnostic): string {
  const span = within ?? spans[0]
  return span === undefined ? '-' : `${span.start.line}-${span.end.line}`
}

interface Location {
  readonly ranges?: readonly { readonly start: { readonly line: number }; readonly end: { readonly line: number } }[]
}

interface Answer {
  readonly warnings: readonly { readonly ruleName: string; readonly detail: string; readonly location: Location }[] | null
  readonly buildError?: { readonly location: Location }
}

async function theirs(file: Case): Promise<string> {
  // Docker knows contexts by their folder's name.
  const folder = await mkdtemp(join(tmpdir(), 'tsbuild-checks-'))
  try {
    const context = join(folder, 'context')
    await mkdir(context)
    await writeFile(join(folder, 'Dockerfile'), file.get('Dockerfile') ?? '')
    await writeFile(join(context, '.dockerignore'), file.get('dockerignore') ?? '')
    const options = optionsOf(file)
      .flatMap((line) => line.split(/ (.*)/s).slice(0, 2))
      .map((word, index) => (index % 2 === 0 ? `--${word}` : word))
    const args = ['build', '--call=check,format=json', '--file', join(folder, 'Dockerfile'), ...options, context]
    const { stdout, stderr } = await runProcess('docker', args)
    if (stdout === '') throw new Error(stderr)
    const { warnings, buildError } = JSON.parse(stdout) as Answer
    const lines = (warnings ?? []).map((finding) => `${finding.ruleName} ${linesOf(finding.location)} ${finding.detail}\n`)
    return lines.join('') + (buildError === undefined ? '' : `error ${linesOf(buildError.location)}\n`)
  } finally {
    await rm(folder, { recursive: true })
  }
}

function linesOf({ ranges = [] }: Location): string {
  const last = ranges.at(-1)
  return ranges[0] === undefined || last === undefined ? '-' : `${ranges[0].start.line}-${last.end.line}`
}
