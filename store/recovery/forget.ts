import type { Connection } from '../database.ts'

/**
 * Forgets layers with the records and roots that name them. Call inside the transaction that moves them away. A lost tree index needs
 * no forgetting: it is made again from the layers.
 */
export function forgetLayers(connection: Connection, lost: ReadonlySet<string>): void {
  if (lost.size === 0) return
  for (const id of lost) forgetLayer(connection, id)
  const removeRecord = connection.prepare('DELETE FROM records WHERE key = ?')
  for (const { key, result } of connection.prepare<[], { key: string; result: string }>('SELECT key, result FROM records').all()) {
    if (names(result, lost)) removeRecord.run(key)
  }
  const removeRoot = connection.prepare('UPDATE images SET layers = NULL, tree = NULL WHERE id = ?')
  const roots = connection.prepare<[], { id: string; layers: string }>('SELECT id, layers FROM images WHERE layers IS NOT NULL').all()
  for (const { id, layers } of roots) {
    if (names(layers, lost)) removeRoot.run(id)
  }
}

/** Forgets one layer that nothing names any more. */
export function forgetLayer(connection: Connection, id: string): void {
  connection.prepare('DELETE FROM layers WHERE id = ?').run(id)
  connection.prepare('DELETE FROM dated_layers WHERE layer = ?').run(id)
}

/** Forgets what a blob is the packed form of, unless an image brought it: it may be fetched again. */
export function forgetBlob(connection: Connection, digest: string): void {
  connection.prepare('DELETE FROM layer_blobs WHERE digest = ? AND level <> -1').run(digest)
}

/** Whether one of the ids stands in a JSON text. How a result is written is its driver's, but an id is a string in it. */
function names(json: string, ids: ReadonlySet<string>): boolean {
  return json.split('"').some((part) => ids.has(part))
}
