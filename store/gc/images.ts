import type { Connection } from '../database.ts'
import type { LayerId } from '../layers.ts'
import type { Inventory } from './item.ts'

/** What an image with a name takes. */
export interface ImageBytes {
  readonly names: readonly string[]
  readonly bytes: number
  /** Of layers that no other image with a name has. */
  readonly unique: number
}

/** The images with names, the largest first. Those that are known by their documents only take nothing. */
export function imageUsage(connection: Connection, { layers }: Inventory): readonly ImageBytes[] {
  const rows = connection
    .prepare<[], { names: string; layers: string | null }>(
      `SELECT (SELECT group_concat(name, ' ') FROM names WHERE image = images.id) AS names, layers FROM images
       WHERE id IN (SELECT image FROM names)`,
    )
    .all()
  const images = rows.map((row) => ({ names: row.names.split(' '), layers: new Set(JSON.parse(row.layers ?? '[]') as LayerId[]) }))
  const bytesOf = (ids: readonly LayerId[]): number => ids.reduce((sum, id) => sum + (layers.get(id)?.bytes ?? 0), 0)
  const sized = images.map((image) => {
    const own = [...image.layers].filter((id) => images.every((other) => other === image || !other.layers.has(id)))
    return { names: image.names, bytes: bytesOf([...image.layers]), unique: bytesOf(own) }
  })
  return sized.sort((a, b) => b.bytes - a.bytes)
}
