import { chmodSync, closeSync, openSync, statfsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { TsbError, toTsbError } from '../core/error.ts'
import { addonPath } from '../native/load.ts'
import { MIGRATIONS } from './schema.ts'

/** One SQLite file; every statement that touches it stands in this folder. */
export type Connection = Database.Database

/**
 * Opens the database and brings it to this program's version.
 * WAL with `synchronous = NORMAL`: a killed process loses nothing; a power cut may lose the last commits, and may leave rows
 * of what it has damaged (see `unsynced.ts`).
 * @throws TsbError `TSB_STORE_NEWER`, `TSB_STORE_UNREADABLE`, `TSB_NATIVE_MISSING`
 */
export function openDatabase(path: string): Connection {
  const connection = connect(path)
  try {
    connection.pragma('busy_timeout = 30000')
    connection.pragma('journal_mode = WAL')
    connection.pragma('synchronous = NORMAL')
    // Closing syncs nothing then, and leaves the log for the next process.
    connection.loadExtension(addonPath())
    if (versionOf(connection) !== MIGRATIONS.length) migrate(connection, path)
    return connection
  } catch (error) {
    connection.close()
    throw asStoreError(error, path)
  }
}

/**
 * The version of a database, and the one that this program brings it to. Changes nothing.
 * @throws TsbError `TSB_STORE_NEWER`, `TSB_STORE_UNREADABLE`, `TSB_STORE_DAMAGED`
 */
export function inspectDatabase(path: string): { readonly version: number; readonly newest: number } {
  const nativeBinding = loadBinding()
  let connection: Connection | undefined
  try {
    connection = new Database(path, { nativeBinding, readonly: true, fileMustExist: true })
    return { version: checkVersion(versionOf(connection), path), newest: MIGRATIONS.length }
  } catch (error) {
    throw asStoreError(error, path)
  } finally {
    connection?.close()
  }
}

/**
 * Opens the database to look at it: nothing in it is changed. One of an earlier version is brought to ours as a copy in memory.
 * @throws TsbError as `openDatabase`
 */
export function readDatabase(path: string): Connection {
  const nativeBinding = loadBinding()
  let connection: Connection | undefined
  try {
    connection = new Database(path, { nativeBinding, readonly: true, fileMustExist: true })
    connection.pragma('busy_timeout = 30000')
    if (checkVersion(versionOf(connection), path) === MIGRATIONS.length) return connection
    const bytes = connection.serialize()
    // Memory has no log beside it: sqlite.org/fileformat2.html, "File format version numbers".
    bytes.fill(1, 18, 20)
    const copy = new Database(bytes, { nativeBinding })
    connection.close()
    connection = copy
    migrate(connection, path)
    return connection
  } catch (error) {
    connection?.close()
    throw asStoreError(error, path)
  }
}

/** Moves the write-ahead log's content into the database file: syncs, so it is cheap only after a sync of the file system. */
export function checkpoint(connection: Connection): void {
  connection.pragma('wal_checkpoint(PASSIVE)')
}

/** A SQLite failure as one of ours: the disk, the permissions or the file is at fault, not the program. */
export function asStoreError(error: unknown, path: string): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (!code.startsWith('SQLITE_')) return error
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') return damaged(path, error)
  if (code === 'SQLITE_FULL' || (code.startsWith('SQLITE_IOERR') && isDiskFull(dirname(path)))) {
    return new TsbError('TSB_DISK_FULL', `no space left for \`${path}\``, {
      fault: 'host',
      hint: 'free disk space, or set TSBUILD_ROOT to another disk',
      cause: error,
    })
  }
  if (['SQLITE_BUSY', 'SQLITE_IOERR', 'SQLITE_READONLY'].some((known) => code.startsWith(known))) return toTsbError(error)
  const reason = code === 'SQLITE_CANTOPEN' ? refusalOf(path) : error
  const known = toTsbError(reason)
  if (known.code !== 'TSB_BUG') return known
  const detail = reason instanceof Error ? reason.message : String(reason)
  return new TsbError('TSB_STORE_UNREADABLE', `cannot use the store's database \`${path}\`: ${detail}`, {
    fault: 'host',
    hint: 'check the permissions of TSBUILD_ROOT and that its disk is writable',
    cause: error,
  })
}

/** What the system says of a file that SQLite could not open, which it keeps to itself. */
function refusalOf(path: string): unknown {
  try {
    closeSync(openSync(path, 'r+'))
    return 'one of its files cannot be opened'
  } catch (error) {
    return error
  }
}

function damaged(path: string, cause: unknown): TsbError {
  return new TsbError('TSB_STORE_DAMAGED', `the store's database \`${path}\` is damaged`, {
    fault: 'host',
    hint: `remove \`${path}\`, \`${path}-wal\` and \`${path}-shm\`: the next build begins with an empty store`,
    cause,
  })
}

/** SQLite reports shared memory that found no space as a mere input/output error. */
function isDiskFull(directory: string): boolean {
  const { bavail, bsize } = statfsSync(directory)
  return bavail * bsize < SHARED_MEMORY_BYTES
}

/** Of the WAL index's first part. */
const SHARED_MEMORY_BYTES = 32 << 10

function connect(path: string): Connection {
  const nativeBinding = loadBinding()
  try {
    const connection = new Database(path, { nativeBinding })
    makePrivate(path)
    keepStatements(connection)
    return connection
  } catch (error) {
    throw asStoreError(error, path)
  }
}

/** Each statement is compiled once: that takes longer than most of them run. */
function keepStatements(connection: Connection): void {
  const compile = connection.prepare.bind(connection)
  const kept = new Map<string, Statement>()
  const prepare = (source: string): Statement => {
    const statement = kept.get(source) ?? compile(source)
    kept.set(source, statement)
    return statement
  }
  // The declared signature differs by type parameters only, which say what a statement gives.
  connection.prepare = prepare as Connection['prepare']
}

type Statement = ReturnType<Connection['prepare']>

/** The addon of better-sqlite3 by its name, because the package would look in a dozen places first. It fits one version of Node. */
function loadBinding(): string {
  try {
    return createRequire(import.meta.url)('better-sqlite3/build/Release/better_sqlite3.node')
  } catch (cause) {
    throw new TsbError('TSB_NATIVE_MISSING', `better-sqlite3 is not compiled for Node \`${process.version}\``, {
      fault: 'host',
      hint: 'run `npm run setup` with this Node',
      cause,
    })
  }
}

/**
 * Commands and build arguments stand in it, and others may pass through the store's root. SQLite's further files get
 * the mode of this one. By path: closing a descriptor of the file would drop the locks that this process has on it.
 */
function makePrivate(path: string): void {
  try {
    chmodSync(path, 0o600)
  } catch {
    // another user's: its mode is theirs to choose
  }
}

function versionOf(connection: Connection): number {
  return connection.pragma('user_version', { simple: true }) as number
}

function migrate(connection: Connection, path: string): void {
  connection
    .transaction(() => {
      const version = checkVersion(versionOf(connection), path)
      for (const migration of MIGRATIONS.slice(version)) connection.exec(migration)
      connection.pragma(`user_version = ${MIGRATIONS.length}`)
    })
    .immediate()
}

/** @throws TsbError `TSB_STORE_NEWER` */
function checkVersion(version: number, path: string): number {
  if (version <= MIGRATIONS.length) return version
  throw new TsbError('TSB_STORE_NEWER', `the store \`${path}\` has version ${version}, this program knows ${MIGRATIONS.length}`, {
    fault: 'host',
    hint: 'use the newer tsbuild that wrote it, or set TSBUILD_ROOT to another directory',
  })
}
