import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ResolvedImage } from '../../core/image-plan.ts'
import { check, emptyImage, parseIgnore } from '../../frontend/index.ts'
import { REPOSITORY } from '../support/paths.ts'

const PAGE = readFileSync(join(REPOSITORY, 'docs/checks.md'), 'utf8')
const AMD64 = { os: 'linux', architecture: 'amd64' }

const sections = PAGE.split(/^### /m)
  .slice(1)
  .map((section) => {
    const [, bad = '', good = ''] = /```Dockerfile\n# bad\n([^`]*)```\n\n```Dockerfile\n# good\n((?:[^`]|`(?!``))*)```/.exec(section) ?? []
    return { rule: section.slice(0, section.indexOf('\n')), bad, good }
  })

test('docs/checks.md has every rule, and no other', () => {
  const folder = join(REPOSITORY, 'frontend/lint')
  const sources = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'))
  const rules = sources.flatMap((text) => [...text.matchAll(/\bname: '([A-Z]\w+)'/g)].map(([, name]) => name))
  assert.equal(rules.length, 22)
  assert.deepEqual(sections.map(({ rule }) => rule).sort(), rules.sort())
})

for (const { rule, bad, good } of sections) {
  test(`${rule}: the bad example has it, the good one does not`, async () => {
    assert.ok((await found(bad)).includes(rule))
    assert.ok(!(await found(good)).includes(rule))
  })
}

/** An ignore file of one line may stand in the first comment; images called `arm-…` are for arm64. */
async function found(text: string): Promise<readonly string[]> {
  const ignored = /^# \.dockerignore: (.*)$/m.exec(text)?.[1]
  const resolve = async (reference: string): Promise<ResolvedImage> =>
    emptyImage(reference, reference.includes('/arm-') ? { os: 'linux', architecture: 'arm64' } : AMD64)
  const { warnings, errors } = await check(
    {
      dockerfile: { name: 'Dockerfile', text },
      platform: AMD64,
      buildPlatform: AMD64,
      buildArgs: new Map([['BUILDKIT_DOCKERFILE_CHECK', 'experimental=all']]),
      labels: [],
      noCache: false,
      contexts: new Map(),
      ignore: ignored === undefined ? undefined : parseIgnore({ name: '.dockerignore', text: ignored }),
    },
    resolve,
  )
  assert.deepEqual(
    errors.filter(({ code }) => code !== 'TSB_DOCKERFILE_BASE_BLANK' && code !== 'TSB_REFERENCE_INVALID'),
    [],
  )
  return warnings.map(({ code }) => code)
}
