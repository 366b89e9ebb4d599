import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

/** Lines of each file in the caches of a store: what steps leave there outlives them, whoever executes them. */
export function counted(root: string): Readonly<Record<string, number>> {
  const caches = join(root, 'caches')
  const folders = existsSync(caches) ? readdirSync(caches).map((id) => join(caches, id, 'content')) : []
  const files = folders.filter((folder) => existsSync(folder)).flatMap((folder) => readdirSync(folder).map((name) => ({ folder, name })))
  return Object.fromEntries(files.map(({ folder, name }) => [name, readFileSync(join(folder, name), 'utf8').split('\n').length - 1]))
}

/** Keys that are claimed. */
export function claims(root: string): readonly string[] {
  const Database = createRequire(import.meta.url)('better-sqlite3')
  const database = new Database(join(root, 'tsbuild.db'), { readonly: true })
  try {
    return database.prepare('SELECT key FROM claims').pluck().all()
  } finally {
    database.close()
  }
}
