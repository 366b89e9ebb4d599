import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isTsbError } from '../../core/error.ts'
import type { Index, Manifest } from '../../core/manifest.ts'
import { blobPath, type Layout, OCI_LAYOUT } from '../layout.ts'
import { type Finding, finding } from './finding.ts'
import { type Looking, namesIn, strings } from './look.ts'

/** What makes the OCI image layout one that others cannot read (image-layout.md): its two files, and what they name. */
export function layoutFindings({ connection, layout, leases }: Looking): readonly Finding[] {
  // After a kill the next sweep writes the list anew.
  const isHealed = strings(connection, 'SELECT id FROM leases').some((id) => !leases.alive(id))
  const marker = join(layout.oci, 'oci-layout')
  const strays = namesIn(join(layout.oci, 'blobs', 'sha256')).filter((name) => !/^[0-9a-f]{64}$/.test(name))
  return [
    ...(existsSync(marker) && readFileSync(marker, 'utf8') === OCI_LAYOUT ? [] : [finding('layout-damaged', 'oci/oci-layout')]),
    ...strays.map((name) => finding('blob-stray', `oci/blobs/sha256/${name}`)),
    ...indexFindings(layout).map(
      (found): Finding => (isHealed && found.kind === 'layout-incomplete' ? { ...found, remedy: 'next-build' } : found),
    ),
  ]
}

function indexFindings(layout: Layout): readonly Finding[] {
  const path = join(layout.oci, 'index.json')
  if (!existsSync(path)) return []
  const index = parse<Index>(readFileSync(path, 'utf8'))
  if (index === undefined || !Array.isArray(index.manifests)) return [finding('index-damaged', 'oci/index.json')]
  return index.manifests.filter(({ digest }) => !isWhole(layout, digest)).map(({ digest }) => finding('layout-incomplete', digest))
}

function isWhole(layout: Layout, digest: Manifest['config']['digest']): boolean {
  try {
    const manifest = parse<Manifest>(readFileSync(blobPath(layout, digest), 'utf8'))
    if (manifest === undefined) return false
    return [manifest.config, ...manifest.layers].every((each) => existsSync(blobPath(layout, each.digest)))
  } catch (error) {
    if (isTsbError(error)) throw error
    return false
  }
}

function parse<T>(text: string): T | undefined {
  try {
    return JSON.parse(text) as T
  } catch {
    return undefined
  }
}
