import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { isTsbError, TsbError } from '../../core/error.ts'
import type { ResolvedImage } from '../../core/image-plan.ts'
import type { ImageConfig } from '../../core/manifest.ts'
import { parsePlatform } from '../../core/platform.ts'
import { type CompileRequest, compile, type NamedContext, parseIgnore } from '../../frontend/index.ts'
import { CASES, type CaseFile, readCase, rewriteCase } from './case-file.ts'
import { renderDiagnostics, renderPlan } from './render.ts'

/**
 * Each file of testdata/frontend: `Dockerfile`, `options` (one a line: `target NAME`, `build-arg A=1`, `label a=b`,
 * `platform P`, `context NAME …`, `no-cache`, `crlf`, `bom`), `dockerignore`, `image REFERENCE` (its config as JSON), and what comes of it.
 */
for (const name of readdirSync(CASES).filter((entry) => entry.endsWith('.txt'))) {
  test(name.replace(/\.txt$/, ''), async () => {
    const file = readCase(name)
    const actual = await outcome(file)
    if (process.env.UPDATE === '1') rewriteCase(file, actual, isInput)
    const expected = [...file.sections].filter(([section]) => !isInput(section))
    if (process.env.UPDATE !== '1') assert.deepEqual(Object.fromEntries(actual), Object.fromEntries(expected))
  })
}

function isInput(section: string): boolean {
  return section === 'Dockerfile' || section === 'options' || section === 'dockerignore' || section.startsWith('image ')
}

async function outcome(file: CaseFile): Promise<ReadonlyMap<string, string>> {
  try {
    return renderPlan(await compile(request(file), async (reference) => resolve(file, reference)))
  } catch (error) {
    if (!isTsbError(error)) throw error
    const all =
      error.diagnostics.length > 0
        ? error.diagnostics
        : [{ severity: 'error' as const, code: error.code, message: error.message, spans: error.spans }]
    return new Map([['error', `${error.code} fault ${error.fault}\n${renderDiagnostics(all)}`]])
  }
}

function request(file: CaseFile): CompileRequest {
  const lines = (file.sections.get('options') ?? '').split('\n').filter((line) => line !== '')
  const values = (key: string): string[] => lines.filter((line) => line.startsWith(`${key} `)).map((line) => line.slice(key.length + 1))
  const pairs = (key: string): [string, string][] => values(key).map((value) => value.split(/=(.*)/s).slice(0, 2) as [string, string])
  const target = values('target')[0]
  const ignore = file.sections.get('dockerignore')
  let text = file.sections.get('Dockerfile') ?? ''
  if (lines.includes('crlf')) text = text.replaceAll('\n', '\r\n')
  if (lines.includes('bom')) text = `\uFEFF${text}`
  return {
    dockerfile: { name: 'Dockerfile', text },
    platform: parsePlatform(values('platform')[0] ?? 'linux/amd64'),
    buildPlatform: parsePlatform('linux/amd64'),
    buildArgs: new Map(pairs('build-arg')),
    labels: pairs('label'),
    noCache: lines.includes('no-cache'),
    contexts: contexts(values('context')),
    ignore: ignore === undefined ? undefined : parseIgnore({ name: '.dockerignore', text: ignore }),
    ...(target === undefined ? {} : { target }),
  }
}

/** `context NAME files`, `context NAME image REFERENCE`, `context NAME stage STAGE`. */
function contexts(lines: readonly string[]): CompileRequest['contexts'] {
  return new Map(
    lines.map((line): [string, NamedContext] => {
      const [name = '', kind, value = ''] = line.split(' ')
      if (kind === 'image') return [name, { kind, reference: value }]
      return [name, kind === 'stage' ? { kind, stage: value } : { kind: 'files' }]
    }),
  )
}

function resolve(file: CaseFile, reference: string): ResolvedImage {
  const text = file.sections.get(`image ${reference}`)
  if (text === undefined) throw new TsbError('TSB_IMAGE_UNKNOWN', `no image \`${reference}\``, { fault: 'remote' })
  const given = JSON.parse(text) as Partial<ImageConfig>
  const digest = `sha256:${Buffer.from(reference).toString('hex').padEnd(64, '0').slice(-64)}` as const
  const config: ImageConfig = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [digest] }, ...given }
  return { reference, image: digest, config }
}
