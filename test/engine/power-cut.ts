import { closeSync, ftruncateSync, openSync, readdirSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

/** What a machine that goes down leaves of a file whose name has reached the disk and whose content has not, wholly. */
export const DAMAGES: Readonly<Record<string, (path: string) => void>> = {
  absent: (path) => rmSync(path, { recursive: true }),
  empty: (path) => truncateSync(path),
  short: (path) => truncateSync(path, Math.max(0, statSync(path).size - 1)),
  zeros: (path) => {
    const { size } = statSync(path)
    const file = openSync(path, 'r+')
    ftruncateSync(file)
    ftruncateSync(file, size)
    // Where the last bytes have made it.
    if (size > 1_000_000) writeSync(file, 'end', size - 3)
    closeSync(file)
  },
}

/** The machine starts again: what this boot wrote was written in an earlier one. */
export function reboot(root: string): void {
  change(root, "UPDATE boots SET boot = 'earlier'; UPDATE unsynced SET boot = 'earlier'")
}

/** As `reboot`, and the database's last pages have not reached the disk: what was noted last is not. */
export function rebootWithoutNotes(root: string, kind: 'blob' | 'layer'): void {
  reboot(root)
  change(root, `DELETE FROM unsynced WHERE kind = '${kind}'`)
}

export function change(root: string, sql: string): void {
  const database = open(root)
  database.exec(sql)
  database.close()
}

/** The first column of a query's rows. */
export function column(root: string, query: string): readonly unknown[] {
  const database = open(root)
  const values = database.prepare(query).pluck().all()
  database.close()
  return values
}

/** The directory of the layer that has a path in it. */
export function layerWith(root: string, path: string): string {
  const layers = join(root, 'layers')
  const id = readdirSync(layers).find((layer) => readdirSync(join(layers, layer, 'diff')).includes(path))
  if (id === undefined) throw new Error(`no layer has ${path}`)
  return join(layers, id)
}

function open(root: string): { exec(sql: string): void; prepare(sql: string): { pluck(): { all(): unknown[] } }; close(): void } {
  const Database = createRequire(import.meta.url)('better-sqlite3')
  return new Database(join(root, 'tsbuild.db'))
}
