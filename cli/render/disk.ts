import type { DiskEntry, DiskUsage } from '../../engine/types.ts'
import { oneLine } from './log.ts'
import { formatTable } from './table.ts'
import { formatAge, formatSize } from './units.ts'

/** By what a usage can be summed up. */
export const GROUPS = ['step', 'mount', 'image', 'age', 'type'] as const

export type Group = (typeof GROUPS)[number]

/** As `docker buildx du`: an asterisk behind an ID says that a process uses it, behind a size that something else needs part of it, too. */
export function entryTable(entries: readonly DiskEntry[], now: number): string {
  const rows = entries.map((entry) => [
    entry.inUse ? `${entry.id}*` : entry.id,
    String(entry.isReclaimable),
    sizeOf(entry),
    `${formatAge(now - entry.used)} ago`,
  ])
  return formatTable(['ID', 'RECLAIMABLE', 'SIZE', 'LAST ACCESSED'], rows)
}

/** As `docker buildx du --verbose`: a block for each entry. */
export function entryBlocks(entries: readonly DiskEntry[], now: number): string {
  const block = (entry: DiskEntry): string =>
    [
      ['ID', entry.id],
      ['Created at', new Date(entry.created).toISOString()],
      ['Reclaimable', String(entry.isReclaimable)],
      ['In use', String(entry.inUse)],
      ['Shared', String(entry.isShared)],
      ['Size', formatSize(entry.bytes)],
      ['Description', oneLine(entry.description)],
      ['Last used', `${formatAge(now - entry.used)} ago`],
      ['Type', entry.type],
    ]
      .map(([name, value]) => `${`${name}:`.padEnd(13)} ${value}\n`)
      .join('')
  return entries.map((entry) => `${block(entry)}\n`).join('')
}

/** One JSON object a line, in docker's words and with the bytes themselves. */
export function entryJson(entries: readonly DiskEntry[], now: number): string {
  const object = (entry: DiskEntry): object => ({
    ID: entry.id,
    Type: entry.type,
    Description: entry.description,
    Size: formatSize(entry.bytes),
    Bytes: entry.bytes,
    Shared: entry.isShared,
    Reclaimable: entry.isReclaimable,
    InUse: entry.inUse,
    CreatedAt: new Date(entry.created).toISOString(),
    LastUsedAt: `${formatAge(now - entry.used)} ago`,
    LastUsed: new Date(entry.used).toISOString(),
  })
  return entries.map((entry) => `${JSON.stringify(object(entry))}\n`).join('')
}

/** What shared, private, reclaimable and all bytes are. */
export function totals({ entries, total }: DiskUsage): string {
  const sum = (matches: (entry: DiskEntry) => boolean): number =>
    entries.reduce((all, entry) => (matches(entry) ? all + entry.bytes : all), 0)
  const lines = [
    ['Shared', sum(({ isShared }) => isShared)],
    ['Private', sum(({ isShared }) => !isShared)],
    ['Reclaimable', sum(({ isReclaimable }) => isReclaimable)],
    ['Total', total],
  ] as const
  return lines.map(([name, bytes]) => `${`${name}:`.padEnd(14)}${formatSize(bytes)}\n`).join('')
}

/** One line for each group: what steps, cache mounts, images, or entries of an age take. */
export function groupTable(usage: DiskUsage, group: Group, now: number): string {
  if (group === 'image') {
    const rows = usage.images.map(({ names, bytes, unique }) => [names.join(', '), formatSize(bytes), formatSize(unique)])
    return formatTable(['IMAGE', 'SIZE', 'UNIQUE'], rows)
  }
  const groups = new Map<string, DiskEntry[]>()
  for (const entry of usage.entries) {
    const name = groupOf(entry, group, now)
    if (name !== undefined) groups.set(name, [...(groups.get(name) ?? []), entry])
  }
  const sized = [...groups].map(([name, entries]) => ({ name, entries, bytes: entries.reduce((sum, { bytes }) => sum + bytes, 0) }))
  if (group !== 'age') sized.sort((a, b) => b.bytes - a.bytes)
  else sized.sort((a, b) => AGES.findIndex(([name]) => name === a.name) - AGES.findIndex(([name]) => name === b.name))
  const rows = sized.map(({ name, entries, bytes }) => [String(entries.length), formatSize(bytes), name])
  return formatTable(['ENTRIES', 'SIZE', group.toUpperCase()], rows)
}

const HOUR = 3_600_000
const AGES: readonly (readonly [name: string, milliseconds: number])[] = [
  ['used in the last hour', HOUR],
  ['used in the last day', 24 * HOUR],
  ['used in the last week', 7 * 24 * HOUR],
  ['used in the last month', 30 * 24 * HOUR],
  ['not used for a month', Number.POSITIVE_INFINITY],
]

function groupOf(entry: DiskEntry, group: Exclude<Group, 'image'>, now: number): string | undefined {
  switch (group) {
    case 'step':
      return entry.type === 'regular' || entry.type.startsWith('source.') ? short(entry.description) : undefined
    case 'mount':
      return entry.type === 'exec.cachemount' ? short(entry.description) : undefined
    case 'age':
      return AGES.find(([, milliseconds]) => now - entry.used <= milliseconds)?.[0]
    case 'type':
      return entry.type
  }
}

function sizeOf({ bytes, isShared }: DiskEntry): string {
  return isShared ? `${formatSize(bytes)}*` : formatSize(bytes)
}

/** Enough of a step's text to group by and to know it again. */
function short(text: string): string {
  const clean = oneLine(text)
  return clean.length > 100 ? `${clean.slice(0, 99)}…` : clean
}
