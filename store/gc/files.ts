import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** A file of the store, as the disk has it. */
export interface StoredFile {
  readonly name: string
  readonly path: string
  /** Allocated. */
  readonly bytes: number
  /** Milliseconds since 1970 of its last change. */
  readonly changed: number
}

/** `st_blocks` counts these (stat(2)). */
const BLOCK_BYTES = 512

/** The files of a directory, without those that are half-written. One that goes meanwhile is left out. */
export function filesIn(directory: string): readonly StoredFile[] {
  const files: StoredFile[] = []
  for (const name of readdirSync(directory)) {
    const path = join(directory, name)
    const stat = name.endsWith('.tmp') ? undefined : lstatSync(path, { throwIfNoEntry: false })
    if (stat?.isFile()) files.push({ name, path, bytes: stat.blocks * BLOCK_BYTES, changed: stat.mtimeMs })
  }
  return files
}
