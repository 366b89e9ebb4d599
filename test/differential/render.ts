import type { FlatImage } from '../tools/compare/image.ts'
import type { Inode } from '../tools/compare/root-tree.ts'

/** Later times than this are those of the build itself. */
const NOW = 1_500_000_000

/**
 * An image as lines: every path in which its root differs from the base's (or from nothing, when it does not stand on it), then the number of layers, the config and the history.
 * Nothing of it depends on the machine or the day. Two images with equal lines are equal but for the times of what was built.
 */
export function renderImage(image: FlatImage, base: FlatImage): string {
  const ours = describeEntries(image, base)
  const standsOnBase = image.config.rootfs.diff_ids?.[0] === base.config.rootfs.diff_ids[0]
  const theirs = standsOnBase ? describeEntries(base, base) : new Map<string, string>()
  const paths = [...new Set([...ours.keys(), ...theirs.keys()])].sort()
  const changed = paths.filter((path) => ours.get(path) !== theirs.get(path)).map((path) => `${path} ${ours.get(path) ?? 'gone'}`)
  return `${[...changed, `layers ${image.layers}`, ...renderConfig(image, base), ...renderHistory(image, base)].join('\n')}\n`
}

function describeEntries(image: FlatImage, base: FlatImage): Map<string, string> {
  const firstName = new Map<Inode, string>()
  const busybox = base.entries.find(([path]) => path === '/bin/busybox')?.[1].content
  const found = new Map<string, string>()
  for (const [path, inode] of image.entries) {
    const linked = inode.type === 'directory' ? undefined : firstName.get(inode)
    if (linked === undefined) firstName.set(inode, path)
    found.set(path, linked === undefined ? describeInode(inode, busybox) : `hardlink ${linked}`)
  }
  return found
}

function describeInode(inode: Inode, busybox: string | undefined): string {
  const seconds = Number(inode.mtime.replace(/\..*$/, ''))
  const xattrs = Object.entries(inode.xattrs).sort(([a], [b]) => (a < b ? -1 : 1))
  const parts = [
    inode.type,
    // Nobody can set a symbolic link's mode, and archives say what they like.
    ...(inode.type === 'symlink' ? [] : [`0${inode.mode.toString(8)}`]),
    `${inode.uid}:${inode.gid}`,
    ...(inode.type === 'file' ? [contentOf(inode, busybox)] : []),
    ...(inode.type === 'symlink' ? [`-> ${inode.linkTarget}`] : []),
    ...(inode.device === '' ? [] : [inode.device]),
    seconds > NOW ? 'now' : `@${inode.mtime}`,
    ...xattrs.map(([name, value]) => `${name}=${value}`),
  ]
  return parts.join(' ')
}

/** Size and digest; each machine has a busybox of its own. */
function contentOf(inode: Inode, busybox: string | undefined): string {
  return inode.content === busybox ? 'busybox' : `${inode.size} ${inode.content.slice(0, 16)}`
}

/** Every member that is not of the machine or the day; `config` a line for each field. */
function renderConfig(image: FlatImage, base: FlatImage): string[] {
  const { created, history: _, rootfs, config = {}, architecture, variant, ...rest } = image.config
  const machine = architecture === base.config.architecture && variant === base.config.variant ? {} : { architecture, variant }
  const { type, diff_ids: diffIds, ...others } = rootfs
  const top = lines({ ...rest, ...others, ...machine, ...renderTime(created), type, diffIds: diffIds?.length ?? null })
  return [...top, ...lines(config as Readonly<Record<string, unknown>>).map((line) => `config.${line}`)]
}

/** The base's own entries have the base's time, which they keep. */
function renderHistory({ config: { history = [] } }: FlatImage, { config: { created: ofBase } }: FlatImage): string[] {
  return history.map(({ created, ...entry }) => {
    const isBase = entry.created_by?.startsWith('base ') && created === ofBase
    return `history ${JSON.stringify(sorted({ ...entry, ...(isBase ? {} : renderTime(created)) }))}`
  })
}

/** A time of the build itself is not shown: it is of the day. One that is missing or older is. */
function renderTime(created: string | undefined): { readonly created?: string } {
  if (created === undefined) return { created: 'never' }
  return Date.parse(created) / 1000 > NOW ? {} : { created }
}

function lines(record: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(record)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key} ${JSON.stringify(sorted(value))}`)
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}
