import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
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
      ...readdirSync(join(root, 'work')).map((id) => `work directory ${id}`),
      ...['trees', 'contexts', 'oci'].flatMap((folder) => partialFiles(join(root, folder))),
      ...damagedBlobs(join(root, 'oci/blobs/sha256')),
      ...missingLayers(column('SELECT layers FROM images JOIN names ON names.image = images.id WHERE layers IS NOT NULL'), layers),
      ...missingRecordLayers(column("SELECT result FROM records WHERE result LIKE '{%'"), layers),
    ]
  } finally {
    database.close()
  }
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
