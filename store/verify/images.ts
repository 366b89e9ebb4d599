import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Digest, hexOf } from '../../core/digest.ts'
import type { Manifest } from '../../core/manifest.ts'
import { blobPath, type Layout } from '../layout.ts'
import { type Finding, finding } from './finding.ts'
import { type Looking, strings } from './look.ts'

interface ImageRow {
  readonly id: Digest
  readonly layers: string | null
  readonly tree: Digest | null
  readonly manifest: Buffer | null
  readonly reference: string | null
}

/** What of a driver's result concerns the store: a step's layer, or a base's layers, and the tree that they make. */
interface Result {
  readonly layer?: string
  readonly layers?: readonly string[]
  readonly tree?: Digest
}

/** Images and records that name what is not there. */
export function imageFindings({ connection, layout }: Looking): readonly Finding[] {
  const known = new Set(strings(connection, 'SELECT id FROM layers'))
  const images = connection.prepare<[], ImageRow>('SELECT id, layers, tree, manifest, reference FROM images').all()
  const records = connection.prepare<[], { key: string; result: string }>('SELECT key, result FROM records').all()
  const results = records.map(({ key, result }) => ({ key, result: parseResult(result) }))
  const isStanding = (layers: readonly string[]): boolean => layers.every((id) => known.has(id))
  const uprooted = images.filter(({ layers }) => layers !== null && !isStanding(JSON.parse(layers) as string[]))
  const standing = results.filter(({ result }) => isStanding(layersOf(result)))
  const trees = new Set([
    ...images.filter((image) => !uprooted.includes(image)).flatMap(({ tree }) => tree ?? []),
    ...standing.flatMap(({ result: { tree } }) => tree ?? []),
  ])
  return [
    ...uprooted.map((image) => finding(canUnpack(layout, image) ? 'image-unpacked' : 'image-lost', image.id)),
    ...results.filter((record) => !standing.includes(record)).map(({ key }) => finding('record-lost', key)),
    ...[...trees].filter((tree) => !existsSync(join(layout.trees, hexOf(tree)))).map((tree) => finding('tree-lost', tree)),
    ...strings(connection, 'SELECT name FROM names WHERE image NOT IN (SELECT id FROM images)').map((name) => finding('name-lost', name)),
  ]
}

/** A result is its driver's text; what is no object has neither layers nor a tree. */
function parseResult(text: string): Result {
  return text.startsWith('{') ? (JSON.parse(text) as Result) : {}
}

function layersOf({ layer, layers }: Result): readonly string[] {
  return layers ?? (layer === undefined ? [] : [layer])
}

/** Whether the layers can be had again from blobs. */
function canUnpack(layout: Layout, { manifest, reference }: ImageRow): boolean {
  if (manifest === null) return false
  if (reference !== null) return true
  const { layers } = JSON.parse(manifest.toString('utf8')) as Manifest
  return layers.every(({ digest }) => existsSync(blobPath(layout, digest)))
}
