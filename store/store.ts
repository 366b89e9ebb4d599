import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Effects } from '../core/effects.ts'
import { TsbError } from '../core/error.ts'
import type { Native } from '../native/types.ts'
import { Blobs } from './blobs.ts'
import { asStoreError, type Connection, openDatabase } from './database.ts'
import { makeDirectories } from './directories.ts'
import { Images } from './images.ts'
import { writeIndexFile } from './index-file.ts'
import { Layers } from './layers.ts'
import { type Layout, layoutOf } from './layout.ts'
import { Leases } from './leases.ts'
import { Publisher } from './publish.ts'
import { Records } from './records.ts'
import { sweep } from './sweep.ts'

/** Everything that is kept between builds, shared by any number of processes. */
export interface Store extends AsyncDisposable {
  readonly layout: Layout
  readonly blobs: Blobs
  readonly layers: Layers
  readonly records: Records
  readonly images: Images
  readonly leases: Leases
  readonly publisher: Publisher
  /** To be called before the first change: removes what dead processes left, once. */
  prepare(): Promise<void>
  /** Brings the OCI layout's index.json up to date with the images. */
  writeIndex(): void
}

/**
 * Opens the store at `root`, creating it when absent.
 * @throws TsbError `TSB_STORE_UNWRITABLE`, `TSB_STORE_UNREADABLE`, `TSB_STORE_NEWER`
 */
export function openStore(root: string, native: Pick<Native, 'remove' | 'sync'>, effects: Effects): Store {
  const layout = layoutOf(root)
  createDirectories(layout)
  const connection = openDatabase(layout.database)
  const leases = new Leases(connection, layout, effects)
  const layers = new Layers(connection)
  const records = new Records(connection, leases)
  const images = new Images(connection)
  const publisher = new Publisher(connection, layers, records, () => native.sync(layout.layers))
  let prepared: Promise<void> | undefined
  return {
    layout,
    blobs: new Blobs(layout, leases, effects),
    layers,
    records,
    images,
    leases,
    publisher,
    prepare: () => (prepared ??= prepare(connection, layout, leases, layers, native)),
    writeIndex: () => writeIndexFile(connection, images, layout, leases.own().directory),
    [Symbol.asyncDispose]: () => close(connection, leases, layers, layout, publisher, native),
  }
}

async function prepare(
  connection: Connection,
  layout: Layout,
  leases: Leases,
  layers: Layers,
  native: Pick<Native, 'remove'>,
): Promise<void> {
  leases.own()
  await sweep(connection, layout, leases, layers, native.remove)
}

async function close(
  connection: Connection,
  leases: Leases,
  layers: Layers,
  layout: Layout,
  publisher: Publisher,
  native: Pick<Native, 'remove'>,
): Promise<void> {
  try {
    await publisher.flush()
  } finally {
    const lease = leases.held
    if (lease !== undefined) {
      const abandoned = layers.unpublished(lease.id)
      await native.remove([lease.directory, ...abandoned.map((id) => join(layout.layers, id))])
      for (const id of abandoned) layers.remove(id)
      leases.forget([lease.id])
      leases.release()
    }
    connection.close()
  }
}

function createDirectories(layout: Layout): void {
  if (existsSync(layout.database)) return
  try {
    makeDirectories(layout.root, 0o711)
    for (const directory of [layout.oci, layout.layers, layout.trees, layout.contexts, layout.work]) {
      mkdirSync(directory, { recursive: true, mode: 0o700 })
    }
    mkdirSync(join(layout.oci, 'blobs', 'sha256'), { recursive: true })
    writeFileSync(join(layout.oci, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
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
