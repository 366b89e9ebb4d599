import assert from 'node:assert/strict'
import { test } from 'node:test'
import { main } from '../../cli/main.ts'
import { formatAge, formatBytes, formatDuration, formatSize } from '../../cli/render/units.ts'
import type { ImageSummary } from '../../engine/types.ts'
import { readCase, START } from './case-file.ts'
import { fakeHost } from './fake-host.ts'

const CONFIG = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } } as const
const IMAGES: readonly ImageSummary[] = [
  {
    id: `sha256:${'0123456789ab'.padEnd(64, 'c')}`,
    names: ['docker.io/library/app:latest', 'docker.io/me/app:v2'],
    created: START - 90_000,
    size: 72_812_345,
    config: CONFIG,
  },
  {
    id: `sha256:${'d'.repeat(64)}`,
    names: ['localhost:5000/deep/path:1.0'],
    created: START - 3 * 3_600_000,
    size: 999_999,
    config: CONFIG,
  },
  { id: `sha256:${'e'.repeat(64)}`, names: [], size: 0, config: CONFIG },
]

const cases = readCase('images.txt')
for (const flags of ['', '-q', '--no-trunc', '-q --no-trunc', '--format json']) {
  test(`images ${flags}`, async () => {
    const host = fakeHost({ images: async () => IMAGES })
    assert.equal(await main(['images', ...flags.split(' ').filter((word) => word !== '')], host), 0)
    cases.expect(`images ${flags}`.trim(), host.terminal.out)
  })
}

test('an empty list is the header alone', async () => {
  const host = fakeHost()
  assert.equal(await main(['images'], host), 0)
  assert.equal(host.terminal.out, 'REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n')
})

test('sizes have three digits and the unit below a thousand', () => {
  const sizes = {
    0: '0B',
    999: '999B',
    1000: '1kB',
    1234: '1.23kB',
    999499: '999kB',
    999500: '1MB',
    72812345: '72.8MB',
    1500000000: '1.5GB',
  }
  for (const [bytes, text] of Object.entries(sizes)) assert.equal(formatSize(Number(bytes)), text)
  assert.deepEqual([formatBytes(12), formatBytes(1_234_567), formatBytes(999_999)], ['12B', '1.23MB', '1.00MB'])
})

test("ages are in docker's words", () => {
  const [second, minute, hour, day] = [1000, 60_000, 3_600_000, 86_400_000]
  const ages: readonly (readonly [number, string])[] = [
    [-5, 'Less than a second'],
    [999, 'Less than a second'],
    [second, '1 second'],
    [59 * second, '59 seconds'],
    [minute, 'About a minute'],
    [119 * second, 'About a minute'],
    [2 * minute, '2 minutes'],
    [59 * minute, '59 minutes'],
    [hour, 'About an hour'],
    [1.6 * hour, '2 hours'],
    [47 * hour, '47 hours'],
    [48 * hour, '2 days'],
    [13 * day, '13 days'],
    [14 * day, '2 weeks'],
    [59 * day, '8 weeks'],
    [60 * day, '2 months'],
    [729 * day, '24 months'],
    [730 * day, '2 years'],
  ]
  for (const [age, text] of ages) assert.equal(formatAge(age), text)
})

test('durations stay short', () => {
  const shown = [0, 1234, 59_940, 59_960, 125_000, 3_599_900, 3_725_000].map(formatDuration)
  assert.deepEqual(shown, ['0.0s', '1.2s', '59.9s', '1m00s', '2m05s', '1h00m', '1h02m'])
})
