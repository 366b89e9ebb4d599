import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { main } from '../../cli/main.ts'
import type { DiskEntry, PruneOptions } from '../../engine/types.ts'
import { START } from './case-file.ts'
import { fakeHost } from './fake-host.ts'

const entry = (fields: Partial<DiskEntry>): DiskEntry => ({
  id: 'a'.repeat(25),
  type: 'regular',
  description: 'RUN make',
  bytes: 1_240_000,
  isShared: false,
  isReclaimable: true,
  inUse: false,
  created: START,
  used: START - 7_200_000,
  ...fields,
})
const entries = [
  entry({ isShared: true, inUse: true, isReclaimable: false }),
  entry({ id: 'b'.repeat(25), type: 'exec.cachemount', description: 'npm', bytes: 500 }),
]
const usage = { entries, images: [{ names: ['app:latest'], bytes: 3000, unique: 1000 }], total: 1_240_500 }

describe('du', () => {
  test("docker's columns, marks and sums", async () => {
    const host = fakeHost({ diskUsage: async () => usage })
    assert.equal(await main(['du', '--filter', 'type=regular'], host), 0)
    assert.deepEqual(host.callOf('diskUsage'), [['type=regular']])
    assert.deepEqual(
      host.terminal.out.split('\n').map((line) => line.split(/\s{2,}/)),
      [
        ['ID', 'RECLAIMABLE', 'SIZE', 'LAST ACCESSED'],
        [`${'a'.repeat(25)}*`, 'false', '1.24MB*', '2 hours ago'],
        ['b'.repeat(25), 'true', '500B', '2 hours ago'],
        [''],
        ['Shared:', '1.24MB'],
        ['Private:', '500B'],
        ['Reclaimable:', '500B'],
        ['Total:', '1.24MB'],
        [''],
      ],
    )
  })

  test('JSON has the bytes', async () => {
    const host = fakeHost({ diskUsage: async () => usage })
    await main(['du', '--format', 'json'], host)
    const objects = host.terminal.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    assert.deepEqual(
      objects.map(({ ID, Bytes, Type, InUse }) => [ID, Bytes, Type, InUse]),
      [
        ['a'.repeat(25), 1_240_000, 'regular', true],
        ['b'.repeat(25), 500, 'exec.cachemount', false],
      ],
    )
  })

  for (const [group, text] of [
    ['step', 'RUN make'],
    ['mount', 'npm'],
    ['image', 'app:latest'],
    ['age', 'used in the last day'],
    ['type', 'exec.cachemount'],
  ] as const) {
    test(`by ${group}`, async () => {
      const host = fakeHost({ diskUsage: async () => usage })
      await main(['du', '--by', group], host)
      assert.ok(host.terminal.out.includes(text), host.terminal.out)
    })
  }
})

describe('prune', () => {
  test('nothing goes without a yes', async () => {
    for (const answer of [[], ['n'], ['']]) {
      const host = fakeHost()
      host.terminal.lines.push(...answer)
      assert.equal(await main(['prune'], host), 0)
      assert.deepEqual(host.calls, [])
    }
    const host = fakeHost()
    host.terminal.lines.push('y')
    assert.equal(await main(['prune'], host), 0)
    assert.deepEqual(host.callOf('prune'), [{ filters: [], all: false, dryRun: false }])
  })

  test('flags, as docker has them', async () => {
    const read = async (...flags: readonly string[]): Promise<PruneOptions> => {
      const host = fakeHost()
      await main(['prune', '--force', ...flags], host)
      return host.callOf('prune')[0] as PruneOptions
    }
    const none = { filters: [], all: false, dryRun: false }
    assert.deepEqual(await read('-a', '--filter', 'until=1h', '--filter=type=regular'), {
      ...none,
      all: true,
      filters: ['until=1h', 'type=regular'],
    })
    assert.deepEqual(await read('--max-used-space', '2GB', '--min-free-space=1m', '--reserved-space', '512k'), {
      ...none,
      maxUsedSpace: 2 * 1024 ** 3,
      minFreeSpace: 1024 ** 2,
      reservedSpace: 512 * 1024,
    })
    assert.deepEqual(await read('--keep-storage', '10'), { ...none, reservedSpace: 10 })
    assert.deepEqual(await read('--dry-run'), { ...none, dryRun: true })
  })

  test('a size that is none is a usage error', async () => {
    const host = fakeHost()
    assert.equal(await main(['prune', '-f', '--max-used-space', 'much'], host), 2)
    assert.match(host.terminal.err, /TSB_USAGE_INVALID_VALUE/)
  })

  test('what went, and how much that was', async () => {
    const host = fakeHost({ prune: async () => ({ entries: entries.slice(1), bytes: 500 }) })
    await main(['prune', '-f'], host)
    assert.match(host.terminal.out, /^b{25} +true +500B/m)
    assert.match(host.terminal.out, /^Total:\t500B$/m)
  })
})
