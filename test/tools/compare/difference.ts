import type { FlatImage } from './image.ts'
import type { Inode } from './root-tree.ts'

/** One thing in which two images differ. A side that lacks the thing altogether is `undefined`. */
export interface Difference {
  /** A path of the root, or `config` with the way to the member: `config.Env`. */
  readonly where: string
  /** `exists`, or which property of the entry. */
  readonly field: string
  readonly left: string | undefined
  readonly right: string | undefined
}

export interface CompareOptions {
  /** Also compare modification times, to the second. */
  readonly mtime?: boolean
  /** Paths left out, with everything below them. Every use gives its reason beside it. */
  readonly ignore?: readonly string[]
}

/** Everything in which two flattened images differ: root file system first, in path order, then the config. */
export function compareImages(left: FlatImage, right: FlatImage, options: CompareOptions = {}): Difference[] {
  return [...compareRoots(left, right, options), ...compareConfigs(left, right)]
}

function compareRoots(left: FlatImage, right: FlatImage, options: CompareOptions): Difference[] {
  const ours = facts(left.entries, options)
  const theirs = facts(right.entries, options)
  const differences: Difference[] = []
  for (const path of [...new Set([...ours.keys(), ...theirs.keys()])].sort()) {
    const a = ours.get(path)
    const b = theirs.get(path)
    if (a === undefined || b === undefined) differences.push({ where: path, field: 'exists', left: a?.type, right: b?.type })
    else differences.push(...compareMembers(path, a, b))
  }
  return differences
}

function facts(entries: FlatImage['entries'], options: CompareOptions): Map<string, Record<string, string>> {
  const firstName = new Map<Inode, string>()
  const result = new Map<string, Record<string, string>>()
  for (const [path, inode] of entries) {
    if (options.ignore?.some((prefix) => path === prefix || path.startsWith(`${prefix}/`))) continue
    if (!firstName.has(inode)) firstName.set(inode, path)
    result.set(path, factsOf(inode, firstName.get(inode) ?? path, options.mtime === true))
  }
  return result
}

function factsOf(inode: Inode, firstName: string, mtime: boolean): Record<string, string> {
  return {
    type: inode.type,
    mode: `0${inode.mode.toString(8)}`,
    owner: `${inode.uid}:${inode.gid}`,
    size: String(inode.size),
    link: inode.linkTarget,
    device: inode.device,
    xattrs: JSON.stringify(Object.fromEntries(Object.entries(inode.xattrs).sort())),
    content: inode.content,
    // Names of one file share the first of them; a file of one name has none to share.
    linkedWith: inode.type === 'directory' ? '' : firstName,
    ...(mtime ? { mtime: inode.mtime.replace(/\..*$/, '') } : {}),
  }
}

function compareMembers(where: string, a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): Difference[] {
  return Object.keys(a)
    .filter((field) => a[field] !== b[field])
    .map((field) => ({ where, field, left: a[field], right: b[field] }))
}

/** Times differ by nature, and so do the layers' digests, which hold times; their number does not. */
function compareConfigs(left: FlatImage, right: FlatImage): Difference[] {
  const layers = compareValues('layers', left.layers, right.layers)
  return [...layers, ...compareValues('config', comparable(left.config), comparable(right.config))]
}

function comparable(config: FlatImage['config']): unknown {
  const { created: _, ...rest } = config
  return {
    ...rest,
    rootfs: { ...config.rootfs, diff_ids: config.rootfs.diff_ids.length },
    history: config.history?.map(({ created: __, ...entry }) => entry),
  }
}

function compareValues(where: string, a: unknown, b: unknown): Difference[] {
  if (isRecord(a) && isRecord(b)) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort()
    return keys.flatMap((key) => compareValues(`${where}.${key}`, a[key], b[key]))
  }
  if (Array.isArray(a) && Array.isArray(b) && a.length === b.length) {
    return a.flatMap((item, index) => compareValues(`${where}[${index}]`, item, b[index]))
  }
  const left = JSON.stringify(a)
  const right = JSON.stringify(b)
  return left === right ? [] : [{ where, field: 'value', left, right }]
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
