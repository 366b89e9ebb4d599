import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

/** What is wrong with a store that nobody uses at the moment, as readable lines: the promises of design, contract 4. */
export function storeFaults(root: string): readonly string[] {
  const Database = createRequire(import.meta.url)('better-sqlite3')
  const database = new Database(join(root, 'tsbuild.db'), { readonly: true })
  const column = (query: string): readonly string[] => database.prepare(query).pluck().all() as string[]
  try {
    const layers = column('SELECT id FROM layers')
    const directories = readdirSync(join(root, 'layers'))
    return [
      ...column('SELECT id FROM leases').map((id) => `lease ${id}`),
      ...column('SELECT key FROM claims').map((key) => `claim ${key}`),
      ...column('SELECT id FROM layers WHERE lease IS NOT NULL').map((id) => `unpublished layer ${id}`),
      ...layers.filter((id) => !existsSync(join(root, 'layers', id, 'diff'))).map((id) => `layer without directory ${id}`),
      ...directories.filter((id) => !layers.includes(id)).map((id) => `directory without layer ${id}`),
      ...cacheFaults(column, root),
      ...readdirSync(join(root, 'work')).map((id) => `work directory ${id}`),
      ...['trees', 'contexts', 'oci'].flatMap((folder) => partialFiles(join(root, folder))),
      ...damagedBlobs(join(root, 'oci/blobs/sha256')),
      ...missingLayers(column('SELECT layers FROM images JOIN names ON names.image = images.id WHERE layers IS NOT NULL'), layers),
      ...unnoted(database, root),
      ...missingRecordLayers(column("SELECT result FROM records WHERE result LIKE '{%'"), layers),
    ]
  } finally {
    database.close()
  }
}

function cacheFaults(column: (query: string) => readonly string[], root: string): readonly string[] {
  const known = column('SELECT id FROM caches')
  const directories = existsSync(join(root, 'caches')) ? readdirSync(join(root, 'caches')) : []
  return [
    ...column('SELECT cache FROM cache_uses').map((id) => `cache in use ${id}`),
    ...column('SELECT id FROM caches WHERE lease IS NOT NULL OR identity IS NULL').map((id) => `unfinished cache ${id}`),
    ...known.filter((id) => !directories.includes(id)).map((id) => `cache without directory ${id}`),
    ...directories.filter((id) => !known.includes(id)).map((id) => `directory without cache ${id}`),
  ]
}

/** What is younger than the last sync is noted as unsynced, and in this boot: see store/unsynced.ts. */
function unnoted(database: { prepare(sql: string): { pluck(): { all(): unknown[] } } }, root: string): readonly string[] {
  const strings = (query: string): readonly string[] => database.prepare(query).pluck().all() as string[]
  const synced = Number(strings('SELECT synced FROM boots')[0])
  const noted = strings("SELECT kind || ' ' || id FROM unsynced")
  const blobs = readdirSync(join(root, 'oci/blobs/sha256'))
    .filter((name) => statSync(join(root, 'oci/blobs/sha256', name)).ctimeMs > synced)
    .map((name) => `blob sha256:${name}`)
  const layers = strings(`SELECT 'layer ' || id FROM layers WHERE created > ${synced}`)
  return [
    ...strings('SELECT boot FROM boots WHERE boot <> (SELECT max(boot) FROM boots)').map((boot) => `second boot ${boot}`),
    ...strings('SELECT id FROM unsynced WHERE boot NOT IN (SELECT boot FROM boots)').map((id) => `note of another boot on ${id}`),
    ...[...layers, ...blobs].filter((name) => !noted.includes(name)).map((name) => `no note on unsynced ${name}`),
  ]
}

function partialFiles(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => /\.tmp$|^index\.json\./.test(name))
    .map((name) => `partial file ${name}`)
}

function damagedBlobs(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter(
      (name) =>
        createHash('sha256')
          .update(readFileSync(join(folder, name)))
          .digest('hex') !== name,
    )
    .map((name) => `damaged blob ${name}`)
}

function missingLayers(lists: readonly string[], layers: readonly string[]): readonly string[] {
  const wanted = lists.flatMap((list) => JSON.parse(list) as readonly string[])
  return wanted.filter((id) => !layers.includes(id)).map((id) => `image on missing layer ${id}`)
}

function missingRecordLayers(results: readonly string[], layers: readonly string[]): readonly string[] {
  const wanted = results.flatMap((result) => {
    const { layer, layers: several } = JSON.parse(result) as { layer?: string; layers?: readonly string[] }
    return several ?? (layer === undefined ? [] : [layer])
  })
  return wanted.filter((id) => !layers.includes(id)).map((id) => `record of missing layer ${id}`)
}
