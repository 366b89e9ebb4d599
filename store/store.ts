import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Effects } from '../core/effects.ts'
import { TsbError } from '../core/error.ts'
import type { Native } from '../native/types.ts'
import { Blobs } from './blobs.ts'
import { bootId } from './boot.ts'
import { Caches } from './caches.ts'
import { asStoreError, type Connection, openDatabase } from './database.ts'
import { makeDirectories } from './directories.ts'
import type { Collector } from './gc/collector.ts'
import { History } from './history.ts'
import { Images } from './images.ts'
import { writeIndexFile } from './index-file.ts'
import { Layers } from './layers.ts'
import { type Layout, layoutOf } from './layout.ts'
import { Leases } from './leases.ts'
import { Pins } from './pins.ts'
import { Publisher } from './publish.ts'
import { Records } from './records.ts'
import { writeMarker } from './recovery/marker.ts'
import { settle } from './settle.ts'
import { type SweptParts, sweep } from './sweep.ts'
import { Tombstones } from './tombstones.ts'
import { Unsynced } from './unsynced.ts'

/** Everything that is kept between builds, shared by any number of processes. */
export interface Store extends AsyncDisposable {
  readonly layout: Layout
  readonly blobs: Blobs
  readonly layers: Layers
  readonly records: Records
  readonly images: Images
  readonly caches: Caches
  readonly tombstones: Tombstones
  readonly history: History
  readonly leases: Leases
  readonly pins: Pins
  readonly publisher: Publisher
  /** To be called before the first change: removes what dead processes left, once, and starts to settle what is unsynced. */
  prepare(): Promise<void>
  /** What the store takes on the disk, and how it gets smaller. Loaded when asked for. */
  collector(): Promise<Collector>
  /** Brings the OCI layout's index.json up to date with the images. */
  writeIndex(): void
}

/** What the store needs of the Rust core. */
export type StoreNative = Pick<Native, 'delta' | 'measure' | 'remove' | 'select' | 'startSync' | 'sync' | 'writeLayer'>

/**
 * Opens the store at `root`, creating it when absent. The first process after the machine has started verifies what the time
 * before it left unsynced.
 * @throws TsbError `TSB_STORE_UNWRITABLE`, `TSB_STORE_UNREADABLE`, `TSB_STORE_NEWER`
 */
export async function openStore(root: string, native: StoreNative, effects: Effects, boot: string = bootId()): Promise<Store> {
  const layout = layoutOf(root)
  createDirectories(layout)
  const connection = openDatabase(layout.database)
  const leases = new Leases(connection, layout, effects, boot)
  const unsynced = new Unsynced(connection, effects, boot)
  const layers = new Layers(connection, unsynced)
  const records = new Records(connection, leases)
  const pins = new Pins(connection, layout, leases)
  const images = new Images(connection, layers, leases, pins)
  const caches = new Caches(connection, layout, leases, effects)
  const history = new History(connection, layout)
  const publisher = new Publisher(connection, layers, records)
  const tombstones = new Tombstones(connection)
  let prepared: Promise<void> | undefined
  const writeIndex = (): void => writeIndexFile(connection, images, layout, leases.own().directory)
  let collector: Promise<Collector> | undefined
  const store: Store = {
    layout,
    blobs: new Blobs(layout, leases, unsynced, pins, effects),
    layers,
    records,
    images,
    caches,
    tombstones,
    history,
    leases,
    pins,
    publisher,
    prepare: () =>
      (prepared ??= prepare(connection, { layout, leases, layers, caches, history, now: effects.now, writeIndex }, unsynced, native)),
    collector: () => (collector ??= loadCollector({ connection, layout, pins, caches, images, leases, tombstones, native, effects })),
    writeIndex,
    [Symbol.asyncDispose]: () => close(connection, leases, layers, layout, native),
  }
  if (unsynced.isRecovered()) return store
  try {
    const { recover } = await import('./recovery/recover.ts')
    await recover({ connection, layout, leases, images, unsynced, now: effects.now }, native)
    return store
  } catch (error) {
    await store[Symbol.asyncDispose]()
    throw error
  }
}

async function loadCollector(parts: ConstructorParameters<typeof Collector>[0]): Promise<Collector> {
  return new (await import('./gc/collector.ts')).Collector(parts)
}

async function prepare(connection: Connection, parts: SweptParts, unsynced: Unsynced, native: StoreNative): Promise<void> {
  parts.leases.own()
  await sweep(connection, parts, native.remove)
  settle(connection, parts.layout, unsynced, native.startSync)
}

async function close(connection: Connection, leases: Leases, layers: Layers, layout: Layout, native: StoreNative): Promise<void> {
  const lease = leases.held
  try {
    if (lease !== undefined) {
      // Whoever has the database locked has mostly been waited for already, and the next process does the same.
      connection.pragma(`busy_timeout = ${CLOSING_PATIENCE_MS}`)
      const abandoned = layers.unpublished(lease.id)
      await native.remove([lease.directory, ...abandoned.map((id) => join(layout.layers, id))])
      for (const id of abandoned) layers.remove(id)
      leases.forget([lease.id])
      leases.release()
    }
  } catch (error) {
    if (!isBusy(error)) throw error
  } finally {
    connection.close()
  }
}

const CLOSING_PATIENCE_MS = 5_000

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_BUSY')
}

function createDirectories(layout: Layout): void {
  if (existsSync(layout.database)) return
  try {
    makeDirectories(layout.root, 0o711)
    for (const directory of [layout.oci, layout.layers, layout.trees, layout.contexts, layout.work]) makeDirectories(directory, 0o700)
    makeDirectories(join(layout.oci, 'blobs', 'sha256'))
    writeMarker(layout)
  } catch (error) {
    throw unwritable(layout.root, error)
  }
}

function unwritable(root: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'ENOSPC') {
    return new TsbError('TSB_DISK_FULL', `no space left for the store \`${root}\``, {
      fault: 'host',
      hint: 'free disk space, or set TSBUILD_ROOT to another disk',
      cause: error,
    })
  }
  // ENOENT is what Node makes of a directory that a read-only file system refuses.
  if (!['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ENOENT'].includes(code)) return asStoreError(error, root)
  return new TsbError('TSB_STORE_UNWRITABLE', `cannot create the store \`${root}\` (${code})`, {
    fault: 'host',
    hint: 'run as root, or set TSBUILD_ROOT to a directory you can write to',
    cause: error,
  })
}
