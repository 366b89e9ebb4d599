import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTsbError } from '../../../core/error.ts'
import { parseFilters } from '../../../engine/disk/filter.ts'
import type { DiskEntry } from '../../../engine/types.ts'

const HOUR = 3_600_000
const NOW = 1000 * HOUR
const entry: DiskEntry = {
  id: 'abcdef',
  type: 'regular',
  description: 'RUN npm ci',
  bytes: 1,
  isShared: true,
  isReclaimable: true,
  inUse: false,
  created: 0,
  used: NOW - 25 * HOUR,
}
const passes = (...texts: readonly string[]): boolean => parseFilters(texts, NOW)(entry)

test('what filters let pass', () => {
  const expected: readonly (readonly [filters: readonly string[], passes: boolean])[] = [
    [[], true],
    [['until=24h'], true],
    [['unused-for=26h'], false],
    [['until=1d'], true],
    [['until=24h59m'], true],
    [['until=25h1s'], false],
    [['until=0'], true],
    [['id=abc'], true],
    [['id=bc'], false],
    [['id!=abc'], false],
    [['id~=bc'], true],
    [['type=regular'], true],
    [['type==regular'], true],
    [['type=reg'], false],
    [['type!=exec.cachemount'], true],
    [['description~=npm (ci|install)'], true],
    [['inuse'], false],
    [['inuse=false'], true],
    [['shared', 'private=false'], true],
    [['shared', 'private'], false],
    [['type=regular', 'until=48h'], false],
  ]
  for (const [filters, isPassing] of expected) assert.equal(passes(...filters), isPassing, filters.join(' '))
})

test('what is no filter is refused', () => {
  for (const text of ['until=24', 'until', 'until!=24h', 'until=1x', 'size=3', 'id', '', 'type~=(', '=x']) {
    assert.throws(
      () => passes(text),
      (error) => isTsbError(error) && error.code === 'TSB_USAGE_INVALID_VALUE',
      text,
    )
  }
})
