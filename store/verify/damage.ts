import { existsSync, lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import pLimit from 'p-limit'
import { type Digest, hexOf } from '../../core/digest.ts'
import { isTsbError } from '../../core/error.ts'
import type { NativeCause } from '../../native/index.ts'
import type { Native } from '../../native/types.ts'
import { hashBlob } from '../blob-reader.ts'
import { blobPath, type Layout, layerPath } from '../layout.ts'
import type { SuspectLayer, Suspects } from '../unsynced.ts'

/** What cannot be believed any more: its bytes are not what its name or its row says, or it is not there. */
export interface Damage {
  readonly layers: readonly string[]
  readonly blobs: readonly Digest[]
  /** Names of tree indexes. */
  readonly trees: readonly string[]
}

export type Verifier = Pick<Native, 'delta' | 'select' | 'writeLayer'>

/** Native calls at a time; the large ones use all cores by themselves. */
const CONCURRENCY = 4

/** How far the clock may have been set back between a sync and a write after it. */
const CLOCK_SLACK_MS = 5 * 60_000

/** Reads what earlier boots left unsynced and says what is damaged. Changes nothing. */
export async function findDamage(layout: Layout, suspects: Suspects, native: Verifier): Promise<Damage> {
  const limit = pLimit(CONCURRENCY)
  const where = async <T>(all: readonly T[], isDamaged: (one: T) => Promise<boolean>): Promise<readonly T[]> => {
    const verdicts = await Promise.all(all.map((one) => limit(() => isDamaged(one))))
    return all.filter((_, index) => verdicts[index])
  }
  const since = suspects.synced - CLOCK_SLACK_MS
  // A blob's name may have reached the disk and its note not: by time, then.
  const named = changedSince(join(layout.oci, 'blobs', 'sha256'), since).map((hex): Digest => `sha256:${hex}`)
  const [layers, blobs, trees] = await Promise.all([
    where(suspects.layers, (layer) => isLayerDamaged(layout, layer, native)),
    where([...new Set([...suspects.blobs, ...named])], (digest) => isBlobDamaged(layout, digest)),
    where(changedSince(layout.trees, since), (name) => isTreeDamaged(layout, name, native)),
  ])
  return { layers: layers.map(({ id }) => id), blobs, trees }
}

/** Names of files that were written, renamed or changed since then; half-written ones are the sweep's. */
function changedSince(directory: string, since: number): readonly string[] {
  return readdirSync(directory).filter((name) => {
    const stat = lstatSync(join(directory, name), { throwIfNoEntry: false })
    return stat !== undefined && stat.ctimeMs >= since && !name.endsWith('.tmp')
  })
}

/** Whether a layer is not what was committed, by its tar where that was made here (a tar tells times too), else by its delta. */
async function isLayerDamaged(layout: Layout, { id, delta, packed }: SuspectLayer, native: Verifier): Promise<boolean> {
  const upper = layerPath(layout, id)
  if (!existsSync(upper)) return true
  try {
    if (packed !== undefined) return (await native.writeLayer({ upper, compression: 'none' })).diffId !== packed
    return (await native.delta(upper)) !== delta
  } catch (error) {
    return provesDamage(error)
  }
}

/** Whether the bytes of a blob are not those of its digest. @throws what the system had no room for */
export async function isBlobDamaged(layout: Layout, digest: Digest): Promise<boolean> {
  const path = blobPath(layout, digest)
  if (!existsSync(path)) return true
  try {
    return (await hashBlob(path)) !== hexOf(digest)
  } catch (error) {
    return provesDamage(error)
  }
}

/** Whether a tree index is not what its name says. @throws as `isBlobDamaged` */
export async function isTreeDamaged(layout: Layout, name: string, native: Verifier): Promise<boolean> {
  try {
    // Selecting nothing still reads the index and holds it against its name.
    await native.select({ treesDirectory: layout.trees, tree: `blake3:${name}`, paths: [] })
    return false
  } catch (error) {
    return provesDamage(error)
  }
}

/** What the system had no room for (which is thrown on) says nothing about the disk. */
export function provesDamage(error: unknown): true {
  if (NO_ROOM.has(errnoOf(error))) throw error
  return true
}

/** EINTR, EAGAIN, ENOMEM, ENFILE, EMFILE. */
const NO_ROOM: ReadonlySet<number | undefined> = new Set([4, 11, 12, 23, 24])

function errnoOf(error: unknown): number | undefined {
  if (isTsbError(error)) return (error.cause as NativeCause | undefined)?.errno
  const errno = error instanceof Error && 'errno' in error ? error.errno : undefined
  return typeof errno === 'number' ? Math.abs(errno) : undefined
}
