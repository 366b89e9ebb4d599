import { readdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { hostEffects } from '../../engine/host.ts'
import { loadNative } from '../../native/index.ts'
import { verifyStore } from '../../store/verify/verify.ts'

/** What is wrong with a store that nobody uses at the moment, as readable lines: the promises of docs/store.md. */
export async function storeFaults(root: string): Promise<readonly string[]> {
  const { findings } = await verifyStore(root, loadNative(), hostEffects, new AbortController().signal)
  return [...findings.map(({ kind, subject, problem }) => `${kind} ${subject}: ${problem}`), ...unnoted(root)]
}

/** What is younger than the last sync is noted as unsynced, and in this boot: see store/unsynced.ts. */
function unnoted(root: string): readonly string[] {
  const Database = createRequire(import.meta.url)('better-sqlite3')
  const database = new Database(join(root, 'tsbuild.db'), { readonly: true })
  const strings = (query: string): readonly string[] => database.prepare(query).pluck().all() as string[]
  try {
    const synced = Number(strings('SELECT synced FROM boots')[0])
    const noted = strings("SELECT kind || ' ' || id FROM unsynced")
    const blobs = readdirSync(join(root, 'oci/blobs/sha256'))
      .filter((name) => statSync(join(root, 'oci/blobs/sha256', name)).ctimeMs > synced)
      .map((name) => `blob sha256:${name}`)
    const layers = strings(`SELECT 'layer ' || id FROM layers WHERE created > ${synced} AND lease IS NULL`)
    return [
      ...strings('SELECT boot FROM boots WHERE boot <> (SELECT max(boot) FROM boots)').map((boot) => `second boot ${boot}`),
      ...strings('SELECT id FROM unsynced WHERE boot NOT IN (SELECT boot FROM boots)').map((id) => `note of another boot on ${id}`),
      ...[...layers, ...blobs].filter((name) => !noted.includes(name)).map((name) => `no note on unsynced ${name}`),
    ]
  } finally {
    database.close()
  }
}
