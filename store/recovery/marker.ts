import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Layout, OCI_LAYOUT } from '../layout.ts'

/**
 * Sees to it that the file `oci-layout` is there and whole, whoever is killed or writes it at the same time. Half of it would lie among the
 * work directories, where the next sweep removes what has no lease.
 */
export function writeMarker(layout: Layout): void {
  const marker = join(layout.oci, 'oci-layout')
  const isWhole = (): boolean => existsSync(marker) && readFileSync(marker, 'latin1') === OCI_LAYOUT
  if (isWhole()) return
  const temporary = join(layout.work, `oci-layout-${process.pid}`)
  try {
    writeFileSync(temporary, OCI_LAYOUT)
    renameSync(temporary, marker)
  } catch (error) {
    // A sweep may have taken it for one that somebody left; who sweeps has written its own before.
    if (!isWhole()) throw error
  }
}
